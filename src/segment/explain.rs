//! Why an expression is as it is: the tree of its text, every part with its value.

use crate::model::{Evidence, Explanation, Instant, Witness};
use crate::profile::{Packed, PropertyId};
use crate::segment::ast::{Expr, ExprKind, Step};
use crate::segment::check::Type;
use crate::segment::expression::Written;
use crate::segment::inquiry::{Inquiry, Part, Present};
use crate::segment::node::{Node, NodeId, Parts, SourceId, Window};
use crate::segment::plan::SegmentId;
use crate::segment::value::Val;
use crate::segment::words::{HIDDEN, written};
use std::cell::RefCell;

/// Parts nested deeper are told by their value alone.
const EXPLAINED_DEPTH_MAX: usize = 32;
/// Most events that are shown of a part, and most parts of a keyed rule.
const SHOWN_MAX: usize = 5;

/// A text of the inquiry: 0 is the expression, then come the segments it refers to.
type Text = usize;

/// Makes the tree. Besides the evaluation of every part: O(parts), at most [`EXPLAINED_DEPTH_MAX`] deep.
struct Explainer<'a> {
    inquiry: &'a Inquiry<'a>,
    /// The segments that were explained already: references may meet, and one explanation is enough.
    told: RefCell<Vec<(SegmentId, Option<Packed>)>>,
}

/// How a part is looked at.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Condition,
    /// Beside another one, or an argument.
    Operand,
}

impl Inquiry<'_> {
    /// The tree of the whole expression. Of a keyed segment: in one part, or in those parts that count most.
    pub(crate) fn explain(&self, part: Part, title: Option<String>) -> Explanation {
        let explainer = Explainer { inquiry: self, told: RefCell::new(Vec::new()) };
        let root = &self.aside.written[0].tree;
        let Some(title) = title else {
            let role = if self.aside.root.kind == Type::Bool { Role::Condition } else { Role::Operand };
            let whole = explainer.part(0, root, None, role, 0);
            return Explanation { covered_since: self.covered_since(), ..whole };
        };
        let node = self.aside.root.node;
        let (present, because) = match (&self.aside.parts, part) {
            (None, _) => (self.truth(node, None), vec![explainer.part(0, root, None, Role::Condition, 1)]),
            (Some(parts), Some((_, key))) => {
                let whole = explainer.part(0, root, part, Role::Condition, 1);
                (self.part_truth(parts, node, key), vec![whole])
            }
            (Some(parts), None) => {
                (self.any_part(parts, node), explainer.by_key(0, root, parts, self.aside.written[0].by(), 1))
            }
        };
        let covered_since = self.covered_since();
        Explanation { covered_since, ..condition(title, present) }.because(because)
    }

    /// The explanation of a part that no event has.
    pub(crate) fn explain_nothing(&self, title: String) -> Explanation {
        let by = self.aside.written[0].by();
        let none = Explanation::of_value(format!("events with this {by}"), "0");
        Explanation { covered_since: self.covered_since(), ..Explanation::new(false, title) }.because([none])
    }
}

/// A condition as it is now.
fn condition(words: String, present: Present) -> Explanation {
    let Present { holds, until, then, .. } = present;
    Explanation { until, then, ..Explanation::new(holds, words) }
}

impl Explainer<'_> {
    fn text(&self, text: Text) -> &Written {
        &self.inquiry.aside.written[text]
    }

    fn part(&self, text: Text, expr: &Expr, part: Part, role: Role, depth: usize) -> Explanation {
        let words = self.text(text).words(expr.span);
        let Some(typed) = self.text(text).typed(expr) else {
            // Every part that was checked is there; what was not has no value either.
            return Explanation::of_value(words, "missing");
        };
        // Of a name beside a value it is told what it is, also where it is true or false.
        let is_name = matches!(expr.kind, ExprKind::Name(_) | ExprKind::KeyedName(_));
        let mut whole = match role {
            Role::Operand if typed.kind != Type::Bool || is_name => {
                let Present { holds, words: value, until, then } = self.inquiry.shown(typed.node, part);
                Explanation { holds, until, then, ..Explanation::of_value(words, value) }
            }
            _ => condition(words, self.inquiry.truth(typed.node, part)),
        };
        let evaluation = self.inquiry.evaluation(part);
        whole.covered_since = evaluation.covered_since(typed.node).map(Instant::from_millis);
        // Of a running value the events are not kept.
        if let Node::Aggregate(aggregate) = self.inquiry.plan.node(typed.node)
            && aggregate.total.is_none()
        {
            let is_hidden = self.inquiry.aside.is_hidden(typed.node);
            whole.evidence = Some(self.evidence(
                aggregate.source,
                &aggregate.window,
                (aggregate.property, is_hidden),
                part,
            ));
        }
        if depth < EXPLAINED_DEPTH_MAX {
            whole.because = self.children(text, expr, typed.node, part, depth + 1);
        }
        whole
    }

    fn children(&self, text: Text, expr: &Expr, node: NodeId, part: Part, depth: usize) -> Vec<Explanation> {
        let conditions = |all: &[Expr]| {
            all.iter().map(|each| self.part(text, each, part, Role::Condition, depth)).collect()
        };
        let operands = |all: &[&Expr]| self.operands(text, all, part, depth);
        match &expr.kind {
            ExprKind::Invalid
            | ExprKind::Literal(_)
            | ExprKind::List(_)
            | ExprKind::Name(_)
            | ExprKind::KeyedName(_)
            | ExprKind::Has { .. }
            | ExprKind::Aggregate { .. } => Vec::new(),
            ExprKind::Not(inner) => conditions(std::slice::from_ref(&**inner)),
            ExprKind::And(all) | ExprKind::Or(all) => conditions(all),
            ExprKind::Compare(_, left, right) | ExprKind::Text(_, left, right) => operands(&[left, right]),
            ExprKind::In(item, list, _) => operands(&[item, list]),
            ExprKind::Between(x, low, high) => operands(&[x, low, high]),
            ExprKind::IsMissing(inner, _) | ExprKind::Negative(inner) => operands(&[inner]),
            ExprKind::Chain(first, rest) => {
                let terms: Vec<&Expr> =
                    std::iter::once(&**first).chain(rest.iter().map(|(_, e)| e)).collect();
                operands(&terms)
            }
            ExprKind::Call { args, .. } => match self.inquiry.plan.node(node) {
                Node::Segment(id) => self.segment(*id, part, depth),
                // What these are asked about is a name in quotes, not a value.
                Node::Bucket(_) | Node::AffinityShare(..) | Node::AffinityTop(_) => Vec::new(),
                _ => operands(&args.iter().collect::<Vec<_>>()),
            },
            ExprKind::Sequence { steps, .. } => self.steps(text, steps, node, part),
            ExprKind::Some { property, condition } => match self.inquiry.plan.node(node) {
                Node::Some(parts, _) => self.by_key(text, condition, parts, &property.dotted(), depth),
                _ => Vec::new(),
            },
        }
    }

    /// Those operands that are not written out.
    fn operands(&self, text: Text, all: &[&Expr], part: Part, depth: usize) -> Vec<Explanation> {
        let told = all.iter().filter(|e| !matches!(e.kind, ExprKind::Literal(_) | ExprKind::List(_)));
        told.map(|each| self.part(text, each, part, Role::Operand, depth)).collect()
    }

    /// The expression of a segment that is referred to, the first time; of a keyed one, the first time for each key.
    fn segment(&self, id: SegmentId, part: Part, depth: usize) -> Vec<Explanation> {
        let parts = self.inquiry.plan.segments[id.0 as usize].parts.as_deref();
        let own = part.filter(|(by, _)| parts.is_some_and(|parts| parts.by == *by));
        let asked = (id, own.map(|(_, key)| key));
        if self.told.borrow().contains(&asked) {
            return Vec::new();
        }
        self.told.borrow_mut().push(asked);
        let text = id.0 as usize + 1;
        let tree = &self.text(text).tree;
        match parts {
            Some(parts) if own.is_none() => self.by_key(text, tree, parts, self.text(text).by(), depth),
            _ => vec![self.part(text, tree, own, Role::Condition, depth)],
        }
    }

    /// A condition in the parts of the user's events, those first in which it holds.
    fn by_key(&self, text: Text, tree: &Expr, parts: &Parts, by: &str, depth: usize) -> Vec<Explanation> {
        let Some(node) = self.text(text).node(tree) else { return Vec::new() };
        let keys = self.inquiry.keys(parts);
        let evaluation = self.inquiry.evaluation(None);
        let holds = |key: Packed| evaluation.part_truth(parts, node, key, None).holds;
        let (mut shown, others): (Vec<Packed>, Vec<Packed>) = keys.iter().partition(|key| holds(**key));
        shown.extend(others);
        let left_out = shown.len().saturating_sub(SHOWN_MAX);
        shown.truncate(SHOWN_MAX);
        let symbols = &self.inquiry.store.symbols;
        let mut told: Vec<Explanation> = shown
            .into_iter()
            .map(|key| {
                let words = format!("{by} = {}", written(&Val::unpack(key, symbols), symbols));
                let present = self.inquiry.part_truth(parts, node, key);
                let inner = self.part(text, tree, Some((parts.by, key)), Role::Condition, depth + 1);
                condition(words, present).because([inner])
            })
            .collect();
        if told.is_empty() {
            told.push(Explanation::of_value(format!("values of {by}"), "0"));
        }
        if left_out > 0 {
            told.push(Explanation::of_value(format!("other values of {by}"), left_out.to_string()));
        }
        told
    }

    /// How many events there are of each step, whether or not they follow one another.
    fn steps(&self, text: Text, steps: &[Step], node: NodeId, part: Part) -> Vec<Explanation> {
        let Node::Sequence(sequence) = self.inquiry.plan.node(node) else { return Vec::new() };
        let positive = sequence
            .steps
            .iter()
            .flat_map(|step| step.without.iter().map(|(source, _)| *source).chain([step.source]));
        let sources = positive.chain(sequence.after.iter().map(|(source, _)| *source));
        let told = steps.iter().zip(sources).map(|(step, source)| {
            let not = if step.negative { "not " } else { "" };
            let words = format!("{not}{}", self.text(text).words(step.events.span));
            let evidence = self.evidence(source, &sequence.window, (None, false), part);
            let count = evidence.count;
            let value = format!("{count} event{}", if count == 1 { "" } else { "s" });
            Explanation { evidence: Some(evidence), ..Explanation::of_value(words, value) }
        });
        told.collect()
    }

    /// The events of a source in a window; of those that have a property, where one is asked for.
    fn evidence(
        &self,
        source: SourceId,
        window: &Window,
        (property, is_hidden): (Option<PropertyId>, bool),
        part: Part,
    ) -> Box<Evidence> {
        let evaluation = self.inquiry.evaluation(part);
        let (keep, symbols) = (&self.inquiry.plan.keep, &self.inquiry.store.symbols);
        let span = evaluation.span(window);
        let has =
            |place: &usize| property.is_none_or(|p| !evaluation.view_at(*place).value(keep, p).is_missing());
        let places: Vec<usize> = evaluation.places(source, span.rows).filter(has).collect();
        let at = |place: &usize| Instant::from_millis(evaluation.view_at(*place).at);
        let witness = |place: &usize| {
            let event = evaluation.view_at(*place);
            let value = property.map(|p| match is_hidden {
                true => HIDDEN.to_owned(),
                false => written(&Val::unpack(event.value(keep, p), symbols), symbols),
            });
            Witness { at: at(place), event: keep.kind(event.kind).name.to_string(), value }
        };
        Box::new(Evidence {
            count: places.len(),
            first: places.first().map(at),
            last: places.last().map(at),
            latest: places[places.len().saturating_sub(SHOWN_MAX)..].iter().map(witness).collect(),
        })
    }
}

impl Written {
    fn by(&self) -> &str {
        self.by.as_deref().unwrap_or_default()
    }
}
