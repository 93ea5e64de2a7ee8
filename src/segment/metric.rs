//! What users did in a span of time, as a number: what experiments are judged by.

use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use crate::segment::check::Type;
use crate::segment::evaluate::Evaluation;
use crate::segment::expression::{Aside, Ground};
use crate::segment::node::{Node, NodeId, Window};
use crate::segment::plan::Plan;
use crate::segment::value::Val;
use crate::segment::{Error, ErrorKind, Span};

/// An expression without windows, beside a store: it is asked of the events of a span alone.
#[derive(Debug)]
pub(crate) struct Metric {
    root: NodeId,
    /// The nodes that look back at events.
    events: Vec<NodeId>,
    plan: Plan,
}

impl Metric {
    /// Compiles one. Linear in its length.
    ///
    /// # Errors
    /// Every error of the text; something that is no number and no condition; or something that looks at more than the
    /// events of a span and the user's attributes.
    pub(crate) fn compile(
        ground: &Ground<'_>,
        store: &ProfileStore,
        text: &str,
    ) -> Result<Metric, Vec<Error>> {
        let aside = Aside::metric(ground, text)?;
        let refuse = |kind, message: String, help: &'static str| {
            let error = Error::new(kind, message, Span { start: 0, end: text.len() });
            Err(vec![error.help(help).in_text(None, &text.into())])
        };
        let kind = aside.root.kind;
        if !matches!(kind, Type::Bool | Type::Any) && !kind.is_number() {
            let message = format!("a metric is a number or a condition, this is {}", kind.words());
            return refuse(ErrorKind::Kind, message, "count it, or compare it with a value");
        }
        let mut events = Vec::new();
        let mut open = vec![aside.root.node];
        while let Some(id) = open.pop() {
            let node = aside.plan.node(id);
            let fits = match node {
                Node::Aggregate(aggregate) => aggregate.window == Window::All,
                Node::Sequence(sequence) => sequence.window == Window::All,
                Node::Constant(_) | Node::Attribute(_) | Node::Now | Node::AtLeast(..) => true,
                Node::TestNumber(..) | Node::TestIs(..) | Node::TestIn(..) => true,
                node => node.follows_from_children(),
            };
            if !fits {
                let message = "a metric is about what users did from their exposure on".to_owned();
                return refuse(
                    ErrorKind::OutOfPlace,
                    message,
                    "ask for events without a window, as in `sum(purchase.amount)`, and for attributes",
                );
            }
            if matches!(node, Node::Aggregate(_) | Node::Sequence(_)) {
                events.push(id);
            }
            node.children(|child| open.push(child));
        }
        let plan = aside.plan.beside(ground.plan, &store.symbols);
        Ok(Metric { root: aside.root.node, events, plan })
    }

    /// What a user did behind an instant and an arrival and up to another instant, as a number: of a condition 1 where it holds; 0 for what is
    /// missing. Attributes are what they are now. O(the user's events).
    pub(crate) fn value(
        &self,
        store: &ProfileStore,
        user: UserKey,
        (after, until): ((Instant, u32), Instant),
    ) -> f64 {
        let whole = Evaluation::beside(&self.plan, store, user, until);
        let history = whole.history.within(after, until);
        let evaluation = whole.over(&history);
        match evaluation.value(self.root, None).value {
            Val::Bool(holds) => f64::from(u8::from(holds)),
            value => value.number().unwrap_or(0.0),
        }
    }

    /// Since when there is all of a user's history that it asks for; nothing where none of it is missing.
    pub(crate) fn covered_since(&self, store: &ProfileStore, user: UserKey, now: Instant) -> Option<Instant> {
        let evaluation = Evaluation::beside(&self.plan, store, user, now);
        let gaps = self.events.iter().filter_map(|node| evaluation.covered_since(*node));
        gaps.max().map(Instant::from_millis)
    }
}
