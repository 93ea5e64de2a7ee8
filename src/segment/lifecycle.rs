//! `lifecycle`: which of an ordered list of segments a user is in first.

use crate::model::Quoted;
use crate::segment::ast::{Expr, ExprKind, Literal};
use crate::segment::check::{Checked, Checker, Type, Typed};
use crate::segment::evaluate::{Evaluation, WEEKDAYS};
use crate::segment::node::{Constant, Node};
use crate::segment::plan::SegmentId;
use crate::segment::value::{NEVER, Signal, Val};
use crate::segment::{Error, ErrorKind, Span};
use std::sync::Arc;

impl Checker<'_> {
    /// Resolves the order's names, once and before all expressions.
    pub(crate) fn resolve_lifecycle(&mut self) {
        let order = self.lifecycle_names;
        let mut stages: Vec<SegmentId> = Vec::with_capacity(order.len());
        for (place, name) in order.iter().enumerate() {
            let span = Span { start: 0, end: name.len() };
            let found = self.names.find(name);
            let error = match found {
                Some(id) if !stages.contains(&id) => {
                    stages.push(id);
                    continue;
                }
                Some(_) => {
                    let message = format!("{} is in the order twice", Quoted(name));
                    Error::new(ErrorKind::OutOfPlace, message, span).help("only its first place counts")
                }
                None => {
                    let near = self.near(name, self.names.iter());
                    let message = format!("unknown segment {}", Quoted(name));
                    let error = Error::new(ErrorKind::UnknownName, message, span);
                    match near {
                        Some(near) => error.suggest(Some(near)),
                        None => error.help("define it under [segments]"),
                    }
                }
            };
            let path: Arc<str> = format!("lifecycle.order.{place}").into();
            self.errors.push(error.in_text(Some(&path), &name.as_ref().into()));
        }
        self.lifecycle = stages;
    }

    /// The name `lifecycle`; nothing where it is an attribute that the schema declares.
    pub(crate) fn lifecycle(&mut self, span: Span) -> Option<Checked> {
        if self.lifecycle_names.is_empty() {
            if self.schema.is_partial || self.schema.attribute_kind("lifecycle").is_some() {
                return None;
            }
            let error = Error::new(ErrorKind::UnknownName, "no lifecycle is defined", span);
            let help = "name its segments in order: `[lifecycle]` with `order = [\"churned\", \"active\"]`";
            return Some(self.error(error.help(help)));
        }
        self.reads.segments.extend_from_slice(&self.lifecycle);
        let stage = |id: &SegmentId| (*id, Constant::Text(self.symbols.intern(self.names.get(*id))));
        let stages = self.lifecycle.iter().map(stage).collect();
        Some(self.still(Node::Lifecycle(stages), Type::Text))
    }

    /// Checks the texts that the lifecycle and days of the week are compared with: one that is none of their words is never
    /// their value.
    pub(crate) fn check_words(&mut self, typed: Typed, beside: &Expr) -> Option<()> {
        let (what, all, words): (_, _, Vec<&str>) = match self.arena.node(typed.node) {
            // Of an order that is wrong itself, what is not in it may be meant.
            Node::Lifecycle(stages) if self.schema.strict && stages.len() == self.lifecycle_names.len() => {
                let names = stages.iter().map(|(id, _)| self.names.get(*id));
                ("the lifecycle has no stage", "stages", names.collect())
            }
            Node::Weekday | Node::AtWeekday => ("there is no day", "days", WEEKDAYS.into()),
            _ => return Some(()),
        };
        let texts = match &beside.kind {
            ExprKind::Literal(literal) => &[(literal.clone(), beside.span)][..],
            ExprKind::List(items) => items,
            _ => return Some(()),
        };
        let strange = texts.iter().find_map(|(literal, span)| match literal {
            Literal::Text(text) if !words.contains(&&**text) => Some((text, *span)),
            _ => None,
        });
        let Some((text, span)) = strange else { return Some(()) };
        let error = Error::new(ErrorKind::UnknownName, format!("{what} {}", Quoted(text)), span);
        let lower = text.to_lowercase();
        let begins = words.iter().find(|word| lower.starts_with(**word)).copied();
        let error = match begins.or_else(|| self.near(text, words.iter().copied())) {
            Some(near) => error.suggest(Some(near)),
            None => {
                let some: Vec<_> = words.iter().take(8).map(|name| format!("`{name}`")).collect();
                error.help(format!("{all} are {}", some.join(", ")))
            }
        };
        self.error(error)
    }
}

impl Evaluation<'_> {
    /// The first segment that holds. It stays the first while it holds and those before it do not.
    pub(crate) fn lifecycle<'v>(&self, stages: &'v [(SegmentId, Constant)]) -> Signal<'v> {
        let whole = self.in_part(None);
        let mut until = NEVER;
        for (segment, name) in stages {
            let truth = whole.segment(*segment);
            until = until.min(truth.until);
            if truth.holds {
                return Signal::still(Val::constant(name), until);
            }
        }
        Signal::still(Val::Missing, until)
    }
}
