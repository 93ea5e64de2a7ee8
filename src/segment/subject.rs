use crate::model::{Instant, Value};
use crate::profile::{ProfileStore, UserKey};
use crate::segment::evaluate::Evaluation;
#[cfg(test)]
use crate::segment::gates::Fact;
use crate::segment::gates::GateId;
use crate::segment::plan::Segment;
use crate::segment::scratch::{Marks, Scratch};
use crate::segment::{Plan, SegmentId};

/// Somebody of whom only attributes are known: rules over a request, a device, a row of a table, without an engine.
///
/// Segments are evaluated as an engine evaluates them; this one has no events, so that `did(…)` is false and
/// `count(…)` is 0. To set an attribute patches one slot, nothing else is built.
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::segment::{Kind, Plan, Schema, Subject};
///
/// let mut schema = Schema::strict();
/// schema.attribute("country", Kind::String).attribute("age", Kind::Number);
/// let plan = Plan::builder(schema)
///     .segment("french", None, r#"country = "FR""#)
///     .segment("adult", None, "age >= 18")
///     .build()?;
/// let now: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
///
/// let mut subject = Subject::new(&plan);
/// subject.set("country", "FR").set("age", 17);
/// assert!(subject.matches(plan.segment("french").unwrap(), now));
/// subject.set("age", 18);
/// assert_eq!(subject.matching(now).count(), 2);
/// # Ok::<(), Vec<bespoke::segment::Error>>(())
/// ```
#[derive(Debug)]
pub struct Subject<'p> {
    plan: &'p Plan,
    store: ProfileStore,
    user: UserKey,
    scratch: Scratch,
    marks: Marks,
}

impl<'p> Subject<'p> {
    /// Somebody of whom nothing is known. O(texts of the plan).
    #[must_use]
    pub fn new(plan: &'p Plan) -> Subject<'p> {
        let mut store = plan.empty_store();
        let user = store.nobody();
        let mut subject = Subject { plan, store, user, scratch: Scratch::default(), marks: Marks::default() };
        subject.scratch.begin(plan, &subject.store, user);
        subject
    }

    /// Sets an attribute; null unsets it. One that no expression reads is kept and changes nothing.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Subject<'p> {
        let value = self.store.set_attribute(self.user, name, &value.into());
        if let Some((name, value)) = value
            && let Some(slot) = self.plan.slot_of.get(&name)
        {
            self.scratch.set_fact(*slot, value);
        }
        self
    }

    fn evaluation(&self, now: Instant) -> Evaluation<'_> {
        Evaluation::new(self.plan, &self.store, self.user, now).with(&self.scratch)
    }

    /// Whether a segment holds; a keyed one never does, for want of events.
    ///
    /// # Panics
    /// With the number of a segment of another plan.
    #[must_use]
    pub fn matches(&self, segment: SegmentId, now: Instant) -> bool {
        let own = &self.plan.segments[segment.0 as usize];
        own.parts.is_none() && self.passes(segment) && self.holds_behind_gates(own, now)
    }

    #[inline]
    fn gate(&self, gate: GateId) -> bool {
        let gates = &self.plan.index.gates;
        // What needs more looks at attributes alone too, so at any instant.
        let ask = |node| self.evaluation(Instant::MIN).truth(node).holds;
        gates.passes(gate, self.scratch.facts(), ask)
    }

    #[cfg(test)]
    pub(crate) fn facts(&self) -> &[Fact] {
        self.scratch.facts()
    }

    fn passes(&self, segment: SegmentId) -> bool {
        self.plan.index.gates.of(segment).iter().all(|gate| self.gate(*gate))
    }

    fn holds_behind_gates(&self, segment: &Segment, now: Instant) -> bool {
        segment.is_gates_alone() || {
            let evaluation = self.evaluation(now);
            segment.behind_gates(&self.plan.nodes).iter().all(|node| evaluation.truth(*node).holds)
        }
    }

    /// The segments that hold, in order of definition.
    pub fn matching(&mut self, now: Instant) -> impl Iterator<Item = SegmentId> + use<> {
        let mut segments = Vec::new();
        self.matching_into(now, &mut segments);
        segments.into_iter()
    }

    /// Puts the segments that hold behind those in a list, in order of definition. Looks at those only of which no
    /// equality or comparison of an attribute tells that they cannot hold.
    pub fn matching_into(&mut self, now: Instant, segments: &mut Vec<SegmentId>) {
        let mut marks = std::mem::take(&mut self.marks);
        marks.begin(self.plan.segments.len());
        self.plan.index.open(
            |gate| self.gate(gate),
            |segment| {
                let own = &self.plan.segments[segment.0 as usize];
                let gates = self.plan.index.gates.of(segment);
                // The first one is open.
                if gates.iter().skip(1).all(|gate| self.gate(*gate))
                    && own.parts.is_none()
                    && self.holds_behind_gates(own, now)
                {
                    marks.mark(segment);
                }
            },
        );
        marks.drain_into(segments);
        self.marks = marks;
    }
}
