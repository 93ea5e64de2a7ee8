//! Which segments a look at a user has to evaluate.

use crate::profile::{Applied, EventKind};
use crate::segment::crossing::EVERYTHING;
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::index::{Asker, NumberAsker, Thresholds};
use crate::segment::maintain::{Look, Memberships};
use crate::segment::node::{NodeId, SourceId};
use crate::segment::places::MASK_ROWS;
use crate::segment::redefine::SegmentMoves;
use crate::segment::scratch::Marks;
use crate::segment::totals::Notes;
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
    /// The profile is another one now, and a message may have said something besides.
    Everything(Option<&'a Applied>),
    /// The profile begins with all that it knows, and a message may have said something besides.
    Anew(Option<&'a Applied>),
    /// Other definitions hold now.
    Redefined(&'a SegmentMoves),
}

impl Touch<'_> {
    /// Whether the user was nobody before, and in nothing.
    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Touch::First(_) | Touch::Anew(_))
    }

    /// The same for segments that were looked at after it already.
    pub(crate) fn again(self) -> Self {
        if self.is_first() { Touch::Time } else { self }
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
            Touch::Anew(applied) => {
                if let Some(applied) = applied {
                    self.note_events(applied);
                }
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
            && self.store.get(self.user).history.len() <= MASK_ROWS
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
        let mut sources = self.scratch.take_sources();
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
        let crossed = |source: SourceId, thresholds: &Thresholds| match (thresholds.total, added) {
            (Some(total), _) => evaluation.moved(total, thresholds.measure, &before),
            (None, Some(added)) => evaluation.crossed(source, thresholds, added),
            // It was late.
            (None, None) => EVERYTHING,
        };
        for source in sources.iter().copied() {
            let others = index.others(source).iter().filter(|asker| passes(asker));
            others.for_each(|asker| marks.mark(asker.segment));
            // Few segments are asked whether it matters to them before anything is worked out.
            let mut known = None;
            for NumberAsker { asker, thresholds, number } in index.few(source) {
                if !passes(asker) {
                    continue;
                }
                let (from, to) = match known {
                    Some((of, crossed)) if of == thresholds => crossed,
                    _ => crossed(source, index.thresholds(*thresholds)),
                };
                known = Some((thresholds, (from, to)));
                if (from..=to).contains(number) {
                    marks.mark(asker.segment);
                }
            }
            for thresholds in index.many(source) {
                let (from, to) = crossed(source, thresholds);
                let numbers = index.numbers(thresholds);
                let start = numbers.partition_point(|(number, _)| *number < from);
                let crossed = numbers[start..].iter().take_while(|(number, _)| *number <= to);
                crossed.filter(|(_, asker)| passes(asker)).for_each(|(_, asker)| marks.mark(asker.segment));
            }
        }
        self.scratch.give_back_sources(sources);
    }

    /// Long histories get their rings, and rings what came in.
    fn bring_rings_up(&mut self) {
        let rows = self.store.get(self.user).history.len();
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
    pub(crate) fn sources_of(&self, event: EventView<'_>, mut f: impl FnMut(SourceId)) {
        let value = |property| event.value(&self.plan.keep, property);
        self.plan.index.sources(event.kind, value, |source, is_sure| {
            if is_sure || self.meets(self.plan.source(source).filter, event) {
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
}
