use crate::model::{Instant, Value};
use crate::profile::{
    Packed, Profile, ProfileStore, PropertyId, Symbol, Symbols, UserKey, compare_int_float,
};
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::expression::Aside;
use crate::segment::node::{Filter, Kinds, Node, NodeId, Parts, SourceId, Window};
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::value::{NEVER, Slope, Val};
use crate::segment::words::{HIDDEN, public, written};
use serde::Serialize;
use smallvec::SmallVec;
use std::cell::Cell;

/// What an expression gives for one user at one instant.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[segments]\nkeen = 'count(view in 7d) >= 3'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// engine.ingest(Message::track("ada", "view"), now)?;
/// let views = engine.expression("count(view in 1d)")?;
/// let answer = engine.evaluate(&views, "ada", now)?;
/// assert_eq!(answer.value, 1.into());
/// assert_eq!(answer.until, Some(now + Duration::days(1))); // so long it may be kept, if no message comes
/// assert!(!answer.holds); // a number neither holds nor does not
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// The value; null where it is missing. Durations and times of day are integers of milliseconds.
    pub value: Value,
    /// Whether the value is `true`.
    pub holds: bool,
    /// The first instant at which time alone may change the value; none where it never does. What may be kept no
    /// longer, by `[retention]` and `ttl`, may change it then; that whole profiles expire is not foreseen.
    pub until: Option<Instant>,
    /// Since when there is all of the history that the expression asks for, where it asks for more than is kept:
    /// what it counts in older events, or in properties that no definition reads, is not in the value.
    pub covered_since: Option<Instant>,
}

/// A part of the user's events: a property and its value.
pub(crate) type Part = Option<(PropertyId, Packed)>;

/// Most instants that are looked at, in one inquiry, to see what time alone will change.
const LOOKS_MAX: u32 = 1_000;

/// An expression beside one user at one instant.
#[derive(Debug)]
pub(crate) struct Inquiry<'a> {
    pub(crate) aside: &'a Aside,
    /// The plan of the expression, [beside](Plan::beside) the store.
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a ProfileStore,
    pub(crate) user: UserKey,
    pub(crate) now: Instant,
    /// The user at that instant, where something may be kept no longer by then.
    kept: Option<Profile>,
    looks_left: Cell<u32>,
}

/// A value, and when time alone gives it another one.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub(crate) holds: bool,
    pub(crate) words: String,
    pub(crate) until: Option<Instant>,
    /// What it is then; nothing where so many instants change nothing that it was not looked at further.
    pub(crate) then: Option<String>,
}

/// What is read that may be kept for a time only.
#[derive(Debug, Default)]
struct Reading<'a> {
    kinds: Vec<&'a Kinds>,
    attributes: Vec<Symbol>,
    /// What the names of others begin with.
    prefixes: Vec<&'a str>,
}

impl<'a> Inquiry<'a> {
    pub(crate) fn new(
        aside: &'a Aside,
        plan: &'a Plan,
        store: &'a ProfileStore,
        user: UserKey,
        now: Instant,
    ) -> Inquiry<'a> {
        let kept = store.kept_at(user, now);
        Inquiry { aside, plan, store, user, now, kept, looks_left: Cell::new(LOOKS_MAX) }
    }

    pub(crate) fn evaluation(&self, part: Part) -> Evaluation<'_> {
        self.evaluation_of(self.kept.as_ref(), part, self.now)
    }

    fn evaluation_of<'v>(&'v self, kept: Option<&'v Profile>, part: Part, now: Instant) -> Evaluation<'v> {
        let profile = kept.unwrap_or_else(|| self.store.unfolded(self.user));
        Evaluation::of_profile(self.plan, self.store, profile, now).in_part(part)
    }

    /// What is asked of the user at an instant up to which nothing but time passes, and until when that stays so: no longer
    /// than what it reads may be kept.
    fn at<T>(
        &self,
        now: Instant,
        part: Part,
        reading: &Reading<'_>,
        ask: impl FnOnce(&Evaluation<'_>) -> (T, i64),
    ) -> (T, i64) {
        let later = if now > self.now { self.store.kept_at(self.user, now) } else { None };
        let evaluation = self.evaluation_of(later.as_ref().or(self.kept.as_ref()), part, now);
        let (answer, until) = ask(&evaluation);
        let Reading { kinds, attributes, prefixes } = reading;
        let (keep, symbols) = (&self.store.keep, &self.store.symbols);
        let is_event = |kind| kinds.iter().any(|kinds| kinds.contains(kind, keep));
        let is_attribute = |name| {
            let is_keyed = || prefixes.iter().any(|prefix| symbols.text(name).starts_with(*prefix));
            attributes.contains(&name) || is_keyed()
        };
        let end = self.store.end_of(evaluation.profile, is_event, is_attribute);
        (answer, if end == Instant::MAX { until } else { until.min(end.as_millis()) })
    }

    /// What a node reads that may be kept for a time only, also by way of other segments.
    fn reading(&self, node: NodeId) -> Reading<'a> {
        if self.store.keep.retention.is_for_ever() {
            return Reading::default();
        }
        // The zone is read by whatever asks for a calendar.
        let mut reading = Reading { attributes: vec![self.plan.timezone], ..Reading::default() };
        let mut is_seen = vec![false; self.plan.nodes.len()];
        let mut open = vec![node];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut is_seen[id.0 as usize], true) {
                continue;
            }
            let node = self.plan.node(id);
            let mut sources: SmallVec<[SourceId; 4]> = SmallVec::new();
            let mut windows: SmallVec<[&Window; 1]> = SmallVec::new();
            match node {
                Node::Attribute(slot)
                | Node::TestNumber(_, slot, _)
                | Node::TestIs(slot, _)
                | Node::TestIn(slot, _)
                | Node::Has(slot, _) => reading.attributes.push(self.plan.slots[slot.0 as usize]),
                Node::KeyedAttribute(prefix) => reading.prefixes.push(prefix),
                Node::Aggregate(aggregate) => {
                    sources.push(aggregate.source);
                    windows.push(&aggregate.window);
                }
                Node::Sequence(sequence) => {
                    for step in &sequence.steps {
                        sources.push(step.source);
                        sources.extend(step.without.iter().map(|(source, _)| *source));
                    }
                    sources.extend(sequence.after.iter().map(|(source, _)| *source));
                    windows.push(&sequence.window);
                }
                Node::Score(score) => {
                    sources.extend(score.events.iter().map(|(source, _)| *source));
                    windows.push(&score.window);
                }
                Node::Some(parts, _) => reading.kinds.extend(parts.reads.iter().map(|(kinds, _)| kinds)),
                Node::Segment(id) => open.push(self.plan.segments[id.0 as usize].root),
                Node::Lifecycle(stages) => {
                    open.extend(stages.iter().map(|(id, _)| self.plan.segments[id.0 as usize].root));
                }
                _ => {}
            }
            while let Some(window) = windows.pop() {
                if let Window::SinceLast(since) = window {
                    sources.push(since.0);
                    windows.push(&since.1);
                }
            }
            for source in sources.into_iter().map(|source| self.plan.source(source)) {
                reading.kinds.push(&source.kinds);
                if let Filter::Node(filter) = source.filter {
                    open.push(filter);
                }
            }
            node.children(|child| open.push(child));
        }
        reading
    }

    /// What the whole expression gives.
    pub(crate) fn answer(&self) -> Answer {
        let reading = self.reading(self.aside.root.node);
        let ((value, holds), until) = self.at(self.now, None, &reading, |evaluation| {
            let signal = evaluation.value(self.aside.root.node, None);
            let until = match signal.slope {
                Slope::Still => signal.until,
                // It is another value in the next millisecond.
                _ => self.now.as_millis() + 1,
            };
            let holds = matches!(signal.value, Val::Bool(true));
            ((public(&signal.value, &self.store.symbols), holds), until)
        });
        Answer { value, holds, until: instant(until), covered_since: self.covered_since() }
    }

    /// Whether the whole expression holds.
    pub(crate) fn holds(&self) -> bool {
        self.evaluation(None).truth(self.aside.root.node).holds
    }

    /// Since when there is all of the history that the whole expression asks for, where it asks for more.
    pub(crate) fn covered_since(&self) -> Option<Instant> {
        let evaluation = self.evaluation(None);
        let gaps = self.asked().into_iter().filter_map(|node| evaluation.covered_since(node));
        let keyed = self.plan.segments.iter().filter_map(|segment| segment.parts.as_deref());
        let parts = keyed.chain(self.aside.parts.as_ref());
        let since = gaps.chain(parts.filter_map(|parts| evaluation.parts_covered_since(parts))).max();
        since.map(Instant::from_millis)
    }

    /// The nodes that the whole expression is made of, also by way of other segments: the plan has more, of scores that
    /// nothing here asks for.
    fn asked(&self) -> Vec<NodeId> {
        let mut is_asked = vec![false; self.plan.nodes.len()];
        let (mut asked, mut next) = (Vec::new(), vec![self.aside.root.node]);
        while let Some(node) = next.pop() {
            if std::mem::replace(&mut is_asked[node.0 as usize], true) {
                continue;
            }
            asked.push(node);
            let root = |id: &SegmentId| self.plan.segments[id.0 as usize].root;
            match self.plan.node(node) {
                Node::Segment(id) => next.push(root(id)),
                Node::Lifecycle(stages) => next.extend(stages.iter().map(|(id, _)| root(id))),
                node => node.children(|child| next.push(child)),
            }
        }
        asked
    }

    /// What a node is, and when time alone changes that.
    pub(crate) fn value(&self, node: NodeId, part: Part) -> Present {
        self.present(node, part, |evaluation| {
            let signal = evaluation.value(node, None);
            let holds = !signal.value.is_missing();
            // What moves all the time has no next change that is worth telling.
            let until = if signal.slope == Slope::Still { signal.until } else { NEVER };
            ((holds, written(&signal.value, &self.store.symbols)), until)
        })
    }

    /// The same as it may be shown.
    pub(crate) fn shown(&self, node: NodeId, part: Part) -> Present {
        let present = self.value(node, part);
        match self.aside.is_hidden(node) && present.holds {
            true => Present { words: HIDDEN.to_owned(), then: None, ..present },
            false => present,
        }
    }

    /// Whether a node holds, and when time alone changes that.
    pub(crate) fn truth(&self, node: NodeId, part: Part) -> Present {
        self.truth_by(node, part, |evaluation| evaluation.truth(node))
    }

    /// Whether a condition holds in one part, which may come to its end.
    pub(crate) fn part_truth(&self, parts: &Parts, node: NodeId, key: Packed) -> Present {
        self.truth_by(node, None, |evaluation| evaluation.part_truth(parts, node, key, None))
    }

    /// Whether a condition holds in any part.
    pub(crate) fn any_part(&self, parts: &Parts, node: NodeId) -> Present {
        self.truth_by(node, None, |evaluation| evaluation.some(parts, node))
    }

    fn truth_by(&self, node: NodeId, part: Part, truth: impl Fn(&Evaluation<'_>) -> Truth) -> Present {
        self.present(node, part, |evaluation| {
            let truth = truth(evaluation);
            ((truth.holds, truth.holds.to_string()), truth.until)
        })
    }

    /// Looks at now, then at each instant at which a change may come, until one does.
    fn present(
        &self,
        node: NodeId,
        part: Part,
        look: impl Fn(&Evaluation<'_>) -> ((bool, String), i64),
    ) -> Present {
        let reading = self.reading(node);
        let ((holds, words), mut until) = self.at(self.now, part, &reading, &look);
        loop {
            let at = instant(until);
            let Some(next) = at else { return Present { holds, words, until: None, then: None } };
            let left = self.looks_left.get();
            if left == 0 {
                return Present { holds, words, until: at, then: None };
            }
            self.looks_left.set(left - 1);
            let ((_, then), later) = self.at(next, part, &reading, &look);
            if then != words {
                return Present { holds, words, until: at, then: Some(then) };
            }
            until = later;
        }
    }

    /// The part of a key, where the expression is keyed.
    pub(crate) fn part_of(&self, key: Option<Packed>) -> Part {
        self.aside.parts.as_ref().map(|parts| parts.by).zip(key)
    }

    /// The keys of the parts that are there, in the order of their first event.
    pub(crate) fn keys(&self, parts: &Parts) -> Vec<Packed> {
        self.evaluation(None).live_keys(parts)
    }
}

/// Whether the key of a part is a value that a host gives; numbers by value, whether whole or not.
pub(crate) fn key_is(key: Packed, wanted: &Value, symbols: &Symbols) -> bool {
    match (symbols.value(key), wanted) {
        (Value::Int(n), Value::Float(x)) => compare_int_float(n, *x).is_eq(),
        (Value::Float(x), Value::Int(n)) => compare_int_float(*n, x).is_eq(),
        (own, wanted) => own == *wanted,
    }
}

fn instant(until: i64) -> Option<Instant> {
    Some(until).filter(|until| *until <= Instant::MAX.as_millis()).map(Instant::from_millis)
}
