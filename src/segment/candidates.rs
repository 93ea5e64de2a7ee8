//! Which segments a look at a user has to evaluate.

use crate::profile::{Applied, EventKind};
use crate::segment::crossing::EVERYTHING;
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::index::{Behind, Summing, Thresholds};
use crate::segment::maintain::{Look, Memberships};
use crate::segment::node::{NodeId, SourceId};
use crate::segment::places::MASK_ROWS;
use crate::segment::redefine::SegmentMoves;
use crate::segment::scratch::Marks;
use crate::segment::totals::Notes;
use smallvec::SmallVec;
use std::cell::OnceCell;

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

/// So many sources at most are summed up anew with a message: where rows go from a history, all of them may have to be.
const STALE_AT_ONCE: usize = 64;

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
        self.plan.index.open(|gate| evaluation.gate(gate, self.scratch), |segment| marks.mark(segment));
    }

    fn by_message(&mut self, applied: &Applied, marks: &mut Marks) {
        self.by_attributes(applied, marks);
        if !applied.events.is_empty() {
            self.by_events(applied, marks);
        }
    }

    fn by_attributes(&self, applied: &Applied, marks: &mut Marks) {
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
    }

    fn by_events(&mut self, applied: &Applied, marks: &mut Marks) {
        let index = &self.plan.index;
        let (mut sources, mut room) = (self.scratch.take_sources(), self.scratch.take_askers());
        let notes = self.read_events(applied, &mut sources, marks);
        // Segments are asked whether it matters to them before anything is worked out.
        let passing = index.passing(&index.runs(&sources), self.scratch.facts(), &mut room);
        let asked =
            passing.iter().filter_map(|asker| Some(index.thresholds(index.asker(*asker).1.thresholds?)));
        let before = self.levels(asked.chain(sources.iter().flat_map(|source| index.many(*source))));
        self.add_up(notes);
        self.bring_rings_up();

        let evaluation = self.evaluation();
        let added = evaluation.added(applied.arrival).filter(|_| !applied.is_over);
        let gathered = OnceCell::new();
        let crossed = |thresholds: &Thresholds| match (thresholds.total, added) {
            (Some(total), _) => evaluation.moved(total, thresholds.measure, &before),
            (None, Some(added)) => {
                let gathered = gathered.get_or_init(|| evaluation.gather(applied, added));
                evaluation.crossed(thresholds, added, gathered)
            }
            // It was late.
            (None, None) => EVERYTHING,
        };
        let passes = |segment, behind: &Behind| !behind.asks_more() || evaluation.passes(segment);
        let mut known = (None, EVERYTHING);
        for asker in passing {
            let (segment, behind) = index.asker(*asker);
            if !passes(segment, behind) {
                continue;
            }
            if behind.thresholds != known.0 {
                let of = behind.thresholds.map(|of| crossed(index.thresholds(of)));
                known = (behind.thresholds, of.unwrap_or(EVERYTHING));
            }
            let (from, to) = known.1;
            if (from..=to).contains(&behind.number) {
                marks.mark(segment);
            }
        }
        for thresholds in sources.iter().flat_map(|source| index.many(*source)) {
            let comparing = index.comparing(thresholds, crossed(thresholds));
            for asker in index.passing(&[comparing], self.scratch.facts(), &mut room) {
                let (segment, behind) = index.asker(*asker);
                if passes(segment, behind) {
                    marks.mark(segment);
                }
            }
        }
        self.scratch.give_back_askers(room);
        self.scratch.give_back_sources(sources);
    }

    /// Finds the sources of events, each once, and what they add to which totals.
    fn read_events(&self, applied: &Applied, sources: &mut Vec<SourceId>, marks: &mut Marks) -> Notes {
        let (plan, index) = (self.plan, &self.plan.index);
        let mut notes = Notes::new();
        let evaluation = self.evaluation();
        for event in EventView::all(applied) {
            let is_of_host = plan.keep.kind(event.kind).is_of_host();
            for atom in index.by_event(event.kind, is_of_host, &plan.rules) {
                index.segments(atom).iter().for_each(|segment| marks.mark(*segment));
            }
            evaluation.sources_of(event, |source| {
                sources.push(source);
                // No running value is of what may be kept no longer.
                if !applied.is_over {
                    evaluation.note(source, event, applied.arrival, &mut notes);
                }
            });
        }
        if applied.events.len() > 1 {
            sources.sort_unstable();
            sources.dedup();
        }
        notes
    }

    /// Long histories get their rings, and rings what came in.
    fn bring_rings_up(&mut self) {
        let rows = self.store.get(self.user).history.len();
        if rows <= MASK_ROWS {
            return;
        }
        let known = self.store.take_rings(self.user);
        let mut rings = known.filter(|rings| rings.len() <= rows).unwrap_or_default();
        {
            let evaluation = self.evaluation();
            let index = &evaluation.plan.index;
            let (mut sources, mut full) = (SmallVec::<[u32; 32]>::new(), SmallVec::<[u32; 8]>::new());
            let find = |place, sources: &mut SmallVec<[u32; 32]>| {
                sources.clear();
                evaluation.sources_of(evaluation.view_at(place), |source| {
                    if index.is_fixed(source) {
                        sources.push(source.0);
                    }
                });
            };
            while let Some(place) = rings.next_open() {
                find(place, &mut sources);
                rings.note(place, sources.iter().copied());
            }
            for place in rings.len()..rows {
                find(place, &mut sources);
                rings.push(sources.iter().copied(), |source| full.push(source));
            }
            for by in index.parted() {
                rings.sort_out(*by, |place| evaluation.value_at(place, *by), evaluation.symbols);
            }
            full.extend(std::iter::from_fn(|| rings.next_stale()).take(STALE_AT_ONCE));
            for source in full {
                for (property, summing) in index.summed(SourceId(source)) {
                    let value = |place| evaluation.value_at(place, *property);
                    match summing {
                        Summing::Blocks => rings.sum_up(source, *property, value),
                        Summing::List => rings.list(source, *property, value),
                    }
                }
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
