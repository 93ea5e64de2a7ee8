//! Which segments a look at a user has to evaluate.

use crate::profile::Applied;
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::index::{Measure, Thresholds, measure};
use crate::segment::maintain::{Look, Memberships};
use crate::segment::places::{MASK_ROWS, bits};
use crate::segment::plan::{Node, NodeId, SegmentId, SourceId};
use crate::segment::scratch::Marks;
use smallvec::SmallVec;

/// Thresholds of an aggregate that are looked through before it is.
const FEW: usize = 8;

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
        if memberships.deadline().is_some_and(|due| due <= self.now) {
            memberships.due(self.now.as_millis()).for_each(|segment| marks.mark(segment));
        }
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
        let mut sources: SmallVec<[SourceId; 64]> = SmallVec::new();
        {
            let evaluation = self.evaluation();
            for (kind, start) in &applied.events {
                index.by_event(*kind, plan.keep.kind(*kind).is_line, &plan.rules).for_each(&mut mark);
                let event = EventView { at: applied.at, kind: *kind, values: &applied.values[*start..] };
                evaluation.sources_of(event, |source| sources.push(source));
            }
        }
        if applied.events.len() > 1 {
            sources.sort_unstable();
            sources.dedup();
        }
        self.bring_rings_up();
        let evaluation = self.evaluation();
        let passes = |segment: &&SegmentId| evaluation.passes(index.gate(**segment));
        let mut mark = |atom: NodeId| index.segments(atom).iter().filter(passes).for_each(|s| marks.mark(*s));
        let added = evaluation.added(applied.arrival);
        for source in &sources {
            let uses = index.uses(*source);
            uses.others.iter().for_each(|atom| mark(*atom));
            for thresholds in &uses.thresholds {
                // Few segments are asked whether it matters to them before anything is worked out.
                let matters = |atom: NodeId| index.segments(atom).iter().any(|segment| passes(&segment));
                if thresholds.atoms().len() > FEW || thresholds.atoms().any(matters) {
                    evaluation.crossed(*source, thresholds, added, &mut mark);
                }
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

    /// Where the rows begin that came in with a message at the end of the history; nothing where it was late.
    fn added(&self, arrival: u32) -> Option<usize> {
        let rows = self.rows();
        let before = rows.iter().rposition(|row| row.order().1 != arrival).map_or(0, |place| place + 1);
        (before < rows.len()).then_some(before)
    }

    /// The atoms whose number lies between what an aggregate was without the rows that came in, and what it is.
    fn crossed(
        &self,
        source: SourceId,
        thresholds: &Thresholds,
        added: Option<usize>,
        mark: &mut impl FnMut(NodeId),
    ) {
        let Node::Aggregate(aggregate) = self.plan.node(thresholds.aggregate) else { return };
        const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        let Some(added) = added else {
            return thresholds.between(ALL.0, ALL.1).for_each(mark);
        };
        let span = self.span(&aggregate.window);
        let added = added.clamp(span.rows.start, span.rows.end);
        if let (Some(mask), Measure::Count | Measure::Age) = (self.mask(source), thresholds.measure) {
            let new = mask & bits(&(added..span.rows.end));
            let old = mask & bits(&(span.rows.start..added));
            let age = |place: u32| (self.now - self.rows()[place as usize].at()) as f64;
            let (from, to) = match thresholds.measure {
                _ if new == 0 => return,
                Measure::Age if old == 0 => ALL,
                Measure::Age => (age(new.trailing_zeros()), age(u64::BITS - 1 - old.leading_zeros())),
                // Reached with these, and not without them.
                _ => (f64::from(old.count_ones()) + 0.5, f64::from(old.count_ones() + new.count_ones())),
            };
            return thresholds.between(from, to).for_each(mark);
        }
        let new = self.places(source, added..span.rows.end);
        let Some(first) = new.clone().next() else { return };
        let old = || self.places(source, span.rows.start..added);
        let (from, to) = match thresholds.measure {
            Measure::Count => {
                let before = self.count(source, span.rows.start..added) as f64;
                // Reached with these, and not without them.
                (before + 0.5, before + new.count() as f64)
            }
            Measure::Age => {
                let age = |place: usize| (self.now - self.rows()[place].at()) as f64;
                match old().next_back() {
                    Some(before) => (age(first), age(before)),
                    None => ALL,
                }
            }
            Measure::Sum if new.clone().any(|place| !self.adds(aggregate, place)) => ALL,
            Measure::Sum | Measure::Rising | Measure::Falling => {
                let before = measure(&self.fold(aggregate, old()));
                let now = measure(&self.fold(aggregate, self.places(source, span.rows.clone())));
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
