//! Which segments a look at a user has to evaluate.

use crate::profile::{Applied, EventKind, TotalId};
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::index::{Asker, Measure, Thresholds, measure};
use crate::segment::maintain::{Look, Memberships};
use crate::segment::node::{Node, NodeId, SourceId};
use crate::segment::places::{MASK_ROWS, bits};
use crate::segment::redefine::SegmentMoves;
use crate::segment::scratch::Marks;
use crate::segment::totals::{Before, Notes};
use smallvec::SmallVec;

/// Thresholds of an aggregate that are looked through before it is.
const FEW: usize = 8;

/// All numbers, and none.
const EVERYTHING: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
const NOTHING: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

/// What happened to a user, so that only what it can change is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Touch<'a> {
    /// Time alone.
    Time,
    /// What a message said.
    Message(&'a Applied),
    /// What the first message of a new profile said.
    First(&'a Applied),
    /// The profile is another one now, and a message may have said something besides.
    Everything(Option<&'a Applied>),
    /// The profile begins with all that it knows.
    Anew,
    /// Other definitions hold now.
    Redefined(&'a SegmentMoves),
}

impl Touch<'_> {
    /// Whether the user was nobody before, and in nothing.
    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Touch::First(_) | Touch::Anew)
    }
}

impl Look<'_> {
    /// Marks the segments that may have changed, or may be due earlier than they were.
    pub(crate) fn find_candidates(&mut self, memberships: &Memberships, touch: Touch<'_>) {
        if self.is_silent(memberships, touch) {
            return self.scratch.forget_events();
        }
        self.scratch.begin(self.plan, self.store, self.user);
        let mut marks = self.scratch.take_marks();
        marks.begin(self.plan.segments.len());
        if memberships.deadline().is_some_and(|due| due <= self.now) {
            memberships.due(self.now.as_millis()).for_each(|segment| marks.mark(segment));
        }
        match touch {
            Touch::Time => {}
            Touch::Redefined(moves) => moves.changed().iter().for_each(|segment| marks.mark(*segment)),
            Touch::Everything(applied) => {
                if let Some(applied) = applied {
                    self.note_events(applied);
                }
                memberships.listed(self.plan).for_each(|segment| marks.mark(segment));
                self.by_gates(&mut marks);
            }
            Touch::Anew => {
                self.plan.fresh.iter().for_each(|segment| marks.mark(*segment));
                self.by_gates(&mut marks);
            }
            Touch::First(applied) => {
                self.plan.fresh.iter().for_each(|segment| marks.mark(*segment));
                self.by_message(applied, &mut marks);
            }
            Touch::Message(applied) => self.by_message(applied, &mut marks),
        }
        self.scratch.put_marks(marks);
    }

    /// Whether nothing is due, and nothing that happened is read by any segment, so that none has to be looked for.
    fn is_silent(&self, memberships: &Memberships, touch: Touch<'_>) -> bool {
        let is_due = memberships.deadline().is_some_and(|due| due <= self.now);
        let applied = match touch {
            _ if is_due => return false,
            Touch::Time => return true,
            Touch::Message(applied) => applied,
            _ => return false,
        };
        let (plan, index) = (self.plan, &self.plan.index);
        let is_read = |(kind, _): &(EventKind, usize)| {
            index.is_read(*kind, plan.keep.kind(*kind).is_of_host(), &plan.rules)
        };
        // What a long history holds is noted with every event.
        applied.attributes.is_empty()
            && !applied.events.iter().any(is_read)
            && self.store.get(self.user).history.rows().len() <= MASK_ROWS
    }

    fn by_gates(&self, marks: &mut Marks) {
        let evaluation = self.evaluation();
        let gates = &self.plan.index.gates;
        self.plan.index.open(|gate| evaluation.gate(gates.gate(gate)), |segment| marks.mark(segment));
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
        let mut notes = Notes::new();
        {
            let evaluation = self.evaluation();
            for event in EventView::all(applied) {
                let is_of_host = plan.keep.kind(event.kind).is_of_host();
                index.by_event(event.kind, is_of_host, &plan.rules).for_each(&mut mark);
                evaluation.sources_of(event, |source| {
                    sources.push(source);
                    // No running value is of what may be kept no longer.
                    if !applied.is_over {
                        evaluation.note(source, event, applied.arrival, &mut notes);
                    }
                });
            }
        }
        let before = self.add_up(notes);
        if applied.events.len() > 1 {
            sources.sort_unstable();
            sources.dedup();
        }
        self.bring_rings_up();
        let evaluation = self.evaluation();
        let passes =
            |asker: &Asker| evaluation.gate(asker.gate) && evaluation.passes_behind(asker.segment, 1);
        let added = evaluation.added(applied.arrival).filter(|_| !applied.is_over);
        for source in sources {
            let others = index.others(source).iter().filter(|asker| passes(asker));
            others.for_each(|asker| marks.mark(asker.segment));
            for thresholds in index.thresholds(source) {
                let numbers = index.numbers(thresholds);
                let crossing = || match (thresholds.total, added) {
                    (Some(total), _) => evaluation.moved(total, thresholds.measure, &before),
                    (None, Some(added)) => evaluation.crossed(source, thresholds, added),
                    // It was late.
                    (None, None) => EVERYTHING,
                };
                // Few segments are asked whether it matters to them before anything is worked out.
                if numbers.len() <= FEW {
                    let mut known = None;
                    for (number, asker) in numbers.iter().filter(|(_, asker)| passes(asker)) {
                        let (from, to) = *known.get_or_insert_with(|| {
                            // To go through the events costs as much as to look at the few.
                            let is_folded = thresholds.total.is_none() && thresholds.measure.is_folded();
                            if is_folded { EVERYTHING } else { crossing() }
                        });
                        if (from..=to).contains(number) {
                            marks.mark(asker.segment);
                        }
                    }
                    continue;
                }
                let (from, to) = crossing();
                let start = numbers.partition_point(|(number, _)| *number < from);
                let crossed = numbers[start..].iter().take_while(|(number, _)| *number <= to);
                crossed.filter(|(_, asker)| passes(asker)).for_each(|(_, asker)| marks.mark(asker.segment));
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

/// The counts that are reached with so many new events, and not without them.
fn reached(before: usize, new: usize) -> (f64, f64) {
    (before as f64 + 0.5, (before + new) as f64)
}

impl Evaluation<'_> {
    /// The sources that an event belongs to, each once.
    pub(crate) fn sources_of(&self, event: EventView<'_>, mut f: impl FnMut(SourceId)) {
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

    /// The numbers between what a total was before a message and what it is.
    fn moved(&self, total: TotalId, measure: Measure, before: &Before) -> (f64, f64) {
        let Some(before) = before.level(total) else { return NOTHING };
        let now = self.level(total);
        if measure == Measure::Age {
            let age = |at: Option<f64>| at.map(|at| self.now as f64 - at);
            return age(now).zip(age(before)).unwrap_or(EVERYTHING);
        }
        match (before, now) {
            (None, None) => NOTHING,
            (Some(_), None) => EVERYTHING,
            (None, Some(now)) if measure == Measure::Falling => (now, EVERYTHING.1),
            (None, Some(now)) => (EVERYTHING.0, now),
            // Reached with these events, and not without them.
            (Some(before), Some(now)) if measure == Measure::Count => (before + 0.5, now),
            (Some(before), Some(now)) => (now.min(before), now.max(before)),
        }
    }

    /// The numbers between what an aggregate was without the rows that came in, from `added` on, and what it is.
    fn crossed(&self, source: SourceId, thresholds: &Thresholds, added: usize) -> (f64, f64) {
        let rows = self.rows().len();
        let start = match thresholds.reach {
            Some(i64::MAX) => 0,
            Some(ms) => self.start(ms),
            None => match self.plan.node(thresholds.aggregate) {
                Node::Aggregate(aggregate) => self.span(&aggregate.window).rows.start,
                _ => 0,
            },
        };
        let added = added.max(start);
        if let (Measure::Count, Some(mask)) = (thresholds.measure, self.mask(source)) {
            let before = (mask & bits(&(start..added))).count_ones();
            let new = (mask & bits(&(added..rows))).count_ones();
            return if new == 0 { NOTHING } else { reached(before as usize, new as usize) };
        }
        let age = |place: usize| (self.now - self.rows()[place].at()) as f64;
        match thresholds.measure {
            Measure::Count | Measure::Age => {
                let (new, old) = (self.places(source, added..rows), self.places(source, start..added));
                let Some(first) = new.clone().next() else { return NOTHING };
                if thresholds.measure == Measure::Count {
                    return reached(self.count(source, start..added), self.count(source, added..rows));
                }
                { old }.next_back().map_or(EVERYTHING, |before| (age(first), age(before)))
            }
            Measure::Sum | Measure::Rising | Measure::Falling => {
                let Node::Aggregate(aggregate) = self.plan.node(thresholds.aggregate) else { return NOTHING };
                let mut new = self.places(source, added..rows);
                if new.clone().next().is_none() {
                    return NOTHING;
                }
                if thresholds.measure == Measure::Sum && new.any(|place| !self.adds(aggregate, place)) {
                    return EVERYTHING;
                }
                let before = measure(&self.fold(aggregate, self.places(source, start..added)));
                let now = measure(&self.fold(aggregate, self.places(source, start..rows)));
                match (now, before, thresholds.measure) {
                    (None, _, _) => NOTHING,
                    (Some(now), None, Measure::Falling) => (now, EVERYTHING.1),
                    (Some(now), None, _) => (EVERYTHING.0, now),
                    (Some(now), Some(before), _) => (now.min(before), now.max(before)),
                }
            }
        }
    }
}
