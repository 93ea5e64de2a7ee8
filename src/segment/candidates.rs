//! Which segments a look at a user has to evaluate.

use crate::profile::Applied;
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::index::{Measure, Thresholds, measure};
use crate::segment::maintain::{Look, Memberships};
use crate::segment::places::MASK_ROWS;
use crate::segment::plan::{Node, NodeId, SegmentId, SourceId};
use crate::segment::scratch::Marks;
use smallvec::SmallVec;

/// What happened to a user, so that only what it can change is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Touch<'a> {
    /// Time alone.
    Time,
    /// What a message said.
    Message(&'a Applied),
    /// What the first message of a new profile said.
    First(&'a Applied),
    /// The profile is another one now.
    Everything,
}

impl Look<'_> {
    /// Marks the segments that may have changed, or may be due earlier than they were.
    pub(crate) fn find_candidates(&mut self, memberships: &Memberships, touch: Touch<'_>) {
        self.scratch.begin(self.plan, self.store.get(self.user));
        let mut marks = self.scratch.take_marks();
        marks.begin(self.plan.segments.len());
        memberships.due(self.now.as_millis()).for_each(|segment| marks.mark(segment));
        match touch {
            Touch::Time => {}
            Touch::Everything => (0..self.plan.segments.len() as u32).for_each(|n| marks.mark(SegmentId(n))),
            Touch::First(applied) => {
                self.plan.fresh.iter().for_each(|segment| marks.mark(*segment));
                self.by_message(applied, &mut marks);
            }
            Touch::Message(applied) => self.by_message(applied, &mut marks),
        }
        self.scratch.put_marks(marks);
    }

    fn by_message(&mut self, applied: &Applied, marks: &mut Marks) {
        let (plan, index) = (self.plan, &self.plan.index);
        let mut mark = |atom: NodeId| index.segments(atom).iter().for_each(|segment| marks.mark(*segment));
        for (name, old) in &applied.attributes {
            if let Some(slot) = plan.slot_of.get(name) {
                index.by_slot(*slot, *old, self.scratch.fact(*slot), &mut mark);
            }
            index.by_prefix(self.store.symbols.text(*name)).for_each(&mut mark);
            if *name == plan.timezone {
                index.by_zone().iter().for_each(|atom| mark(*atom));
            }
        }
        if applied.events.is_empty() {
            return;
        }
        let mut sources: SmallVec<[SourceId; 32]> = SmallVec::new();
        {
            let evaluation = self.evaluation();
            for (kind, start) in &applied.events {
                index.by_event(*kind, plan.keep.kind(*kind).is_line, &plan.rules).for_each(&mut mark);
                let event = EventView { at: applied.at, kind: *kind, values: &applied.values[*start..] };
                evaluation.sources_of(event, |source| sources.push(source));
            }
        }
        sources.sort_unstable();
        sources.dedup();
        self.bring_rings_up();
        let evaluation = self.evaluation();
        let added = evaluation.added(applied.arrival);
        for source in &sources {
            let uses = index.uses(*source);
            uses.others.iter().for_each(|atom| mark(*atom));
            for thresholds in &uses.thresholds {
                evaluation.crossed(*source, thresholds, &added, &mut mark);
            }
        }
    }

    /// Long histories get their rings, and rings what came in.
    fn bring_rings_up(&mut self) {
        let rows = self.store.get(self.user).history.rows().len();
        if rows <= MASK_ROWS {
            return;
        }
        let known = self.store.take_rings(self.user);
        let mut rings = known.filter(|rings| rings.rows() <= rows).unwrap_or_default();
        {
            let evaluation = self.evaluation();
            let mut sources: SmallVec<[u32; 32]> = SmallVec::new();
            for place in rings.rows()..rows {
                sources.clear();
                evaluation.sources_of(evaluation.view_at(place), |source| {
                    if evaluation.plan.index.is_fixed(source) {
                        sources.push(source.0);
                    }
                });
                rings.push(sources.iter().copied());
            }
        }
        self.store.put_rings(self.user, rings);
    }
}

impl Evaluation<'_> {
    /// The sources that an event belongs to, each once.
    fn sources_of(&self, event: EventView<'_>, mut f: impl FnMut(SourceId)) {
        let value = |property| event.value(&self.plan.keep, property);
        self.plan.index.sources(event.kind, value, |source| {
            if self.meets(self.plan.source(source).filter, event) {
                f(source);
            }
        });
    }

    /// The places of the rows that came in with one message.
    fn added(&self, arrival: u32) -> SmallVec<[usize; 4]> {
        let rows = self.rows();
        let newest = rows.len().saturating_sub(1);
        if rows.last().is_some_and(|row| row.order().1 == arrival) {
            let start = rows.iter().rposition(|row| row.order().1 != arrival).map_or(0, |place| place + 1);
            return (start..=newest).collect();
        }
        // It was late.
        (0..rows.len()).filter(|place| rows[*place].order().1 == arrival).collect()
    }

    /// The atoms whose number lies between what an aggregate was without the rows that came in, and what it is.
    fn crossed(
        &self,
        source: SourceId,
        thresholds: &Thresholds,
        added: &[usize],
        mark: &mut impl FnMut(NodeId),
    ) {
        let Node::Aggregate(aggregate) = self.plan.node(thresholds.aggregate) else { return };
        let span = self.span(&aggregate.window);
        let own = self.places(source, span.rows.clone());
        let is_new = |place: &usize| added.contains(place);
        let fresh = added.iter().filter(|place| span.rows.contains(place) && self.has(source, **place));
        let fresh: SmallVec<[usize; 4]> = fresh.copied().collect();
        if fresh.is_empty() {
            return;
        }
        const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        let (from, to) = match thresholds.measure {
            Measure::Count => {
                let now = self.count(source, span.rows) as f64;
                // Reached with these, and not without them.
                (now - fresh.len() as f64 + 0.5, now)
            }
            Measure::Age => {
                let age = |place: usize| (self.now - self.rows()[place].at()) as f64;
                let before = own.clone().rfind(|place| !is_new(place)).map(age);
                match (own.clone().next_back().map(age), before) {
                    (Some(now), Some(before)) => (now, before),
                    _ => ALL,
                }
            }
            Measure::Sum if fresh.iter().any(|place| !self.adds(aggregate, *place)) => ALL,
            Measure::Sum | Measure::Rising | Measure::Falling => {
                let now = measure(&self.fold(aggregate, own.clone()));
                let before = measure(&self.fold(aggregate, own.filter(|place| !is_new(place))));
                match (now, before, thresholds.measure) {
                    (None, _, _) => return,
                    (Some(now), None, Measure::Falling) => (now, ALL.1),
                    (Some(now), None, _) => (ALL.0, now),
                    (Some(now), Some(before), _) => (now.min(before), now.max(before)),
                }
            }
        };
        thresholds.between(from, to).for_each(mark);
    }
}
