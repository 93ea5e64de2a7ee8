//! From what happens to the segments that it can change.

mod make;

pub(crate) use make::index;

use crate::profile::{AffinityRule, EventKind, Packed, PropertyId, TotalId};
use crate::segment::gates::{Band, Fact, GateId, Gates};
use crate::segment::node::{AggregateOp, Filter, NodeId, SlotId, SourceId};
use crate::segment::plan::SegmentId;
use crate::segment::value::Val;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::ops::Range;

type Map<K, V> = HashMap<K, V, ahash::RandomState>;

/// What each input of a plan can change.
///
/// The leaves of a segment's conjunctions, disjunctions and negations are its *atoms*; equal atoms of different
/// segments are one node. A segment can change, or can be due earlier than it was, only when one of its atoms does;
/// so atoms are found by what they read: attributes by the old and the new value, aggregates by the old and the new
/// number. An atom of which that cannot be told is found whenever something that it reads is touched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The segments of each atom.
    segments: Lists<SegmentId>,
    slots: Vec<SlotIndex>,
    /// By kind of event: the sources that its events may belong to.
    kinds: Vec<KindIndex>,
    /// By source: where what looks at it is in the lists that follow.
    uses: Vec<Uses>,
    thresholds: Vec<Thresholds>,
    /// The segments that may have to be looked at for an event of a source, each with the band that tells most: most
    /// often that one says that it need not, and then nothing else of the segment is touched.
    askers: Vec<Band<SegmentId>>,
    /// Beside each, what is looked at where its band lets somebody pass.
    behind: Vec<Behind>,
    /// The running values over sources, by source.
    totals: Vec<TotalId>,
    /// The properties of sources whose numbers are summed up or listed, by source.
    summed: Vec<(PropertyId, Summing)>,
    /// Atoms of keyed segments whose parts exist by the events of a kind, whatever `where` says of them.
    parts: Vec<Vec<NodeId>>,
    /// Atoms that look at attributes below a prefix.
    prefixes: Vec<(Box<str>, NodeId)>,
    /// Atoms that look at the session, the zone, and the affinities of a rule.
    session: Vec<NodeId>,
    zone: Vec<NodeId>,
    rules: Vec<Vec<NodeId>>,
    pub(crate) gates: Gates,
    /// The segments by their most telling gate; those without one are last, behind [`GateId::OPEN`].
    by_gate: Vec<(GateId, Range<u32>)>,
    gated: Vec<SegmentId>,
    /// By source: whether a segment looks at it, and nothing but the event decides what belongs to it.
    fixed: Vec<bool>,
    /// By source: whether what belongs to it is another thing in each part of the events.
    by_part: Vec<bool>,
    /// By source: whether what is found by a text has nothing else to meet.
    by_text_alone: Vec<bool>,
    /// The properties that part the events.
    parted: Vec<PropertyId>,
}

/// What an asker asks besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    /// The next band, and whether the segment's gates ask for more.
    band: Band<bool>,
    /// Which aggregate it compares, among the thresholds; none where any event may matter.
    pub(crate) thresholds: Option<u32>,
    pub(crate) number: f64,
}

impl Behind {
    /// Whether the gates of the segment ask for more than both bands do.
    pub(crate) fn asks_more(&self) -> bool {
        self.band.of
    }
}

/// Atoms that look at one attribute.
#[derive(Clone, Debug, Default)]
struct SlotIndex {
    /// Equality with a text or a bool.
    is: Map<Packed, Vec<NodeId>>,
    /// Sorted by the number that is compared with: true above it, below it, at it.
    above: Vec<(f64, NodeId)>,
    below: Vec<(f64, NodeId)>,
    at: Vec<(f64, NodeId)>,
    missing: Vec<NodeId>,
    /// Everything else.
    other: Vec<NodeId>,
}

/// The sources that events of one kind may belong to.
#[derive(Clone, Debug, Default)]
struct KindIndex {
    /// All events.
    always: Vec<SourceId>,
    /// Those with a text in a property; whether the filter asks for more has to be looked at.
    texts: Vec<(PropertyId, Map<Packed, Vec<SourceId>>)>,
    /// Those with a number in a property: from others on, up to others.
    numbers: Vec<(PropertyId, [Bounds; 2])>,
    /// Each has to be looked at.
    others: Vec<SourceId>,
}

/// Sources by the number that a property is compared with, sorted.
type Bounds = Vec<(f64, SourceId)>;

/// What looks at the events of a source.
#[derive(Clone, Debug, Default)]
struct Uses {
    /// Those who are asked whether it matters to them before anything is worked out.
    askers: Range<u32>,
    /// Aggregates that are compared with many numbers.
    many: Range<u32>,
    totals: Range<u32>,
    /// Properties whose numbers are summed up or listed in long histories.
    summed: Range<u32>,
}

/// What is known of the numbers of a source in a long history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Summing {
    /// What they come to in blocks.
    Blocks,
    /// All of them, one behind the other.
    List,
}

/// An aggregate with the numbers it is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Thresholds {
    pub(crate) aggregate: NodeId,
    pub(crate) source: SourceId,
    /// What its source is, where that is of one kind.
    pub(crate) one_kind: Option<OneKind>,
    pub(crate) op: AggregateOp,
    pub(crate) property: Option<PropertyId>,
    pub(crate) measure: Measure,
    /// The running value that it reads, if it does.
    pub(crate) total: Option<TotalId>,
    /// How far its window reaches back; `None` where it is none that slides.
    pub(crate) reach: Option<i64>,
    /// With so many events or more, a count is above all numbers that it is compared with.
    pub(crate) enough: usize,
    /// With fewer events, a count reaches none of them.
    pub(crate) fewest: usize,
    /// Who compares it with many numbers, sorted by these; nobody where they are few.
    askers: Range<u32>,
}

/// The source of an aggregate that is of one kind of event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneKind {
    pub(crate) kind: EventKind,
    pub(crate) filter: Filter,
    /// The columns of the properties that the filter and the aggregate look at.
    pub(crate) filtered: Option<u8>,
    pub(crate) aggregated: Option<u8>,
}

/// What of an aggregate is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// How many events; `did` is one.
    Count,
    /// A number that events only raise.
    Rising,
    /// A number that events only lower.
    Falling,
    /// A sum, which events raise where their values are not negative.
    Sum,
    /// A mean, which events move either way.
    Average,
    /// How long ago the last event was.
    Age,
}

/// Lists one behind the other.
#[derive(Clone, Debug)]
struct Lists<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists { starts: vec![0], items: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    /// Of pairs that are sorted by the list's number.
    fn of(count: usize, pairs: &[(u32, T)]) -> Lists<T> {
        let mut starts = Vec::with_capacity(count + 1);
        let mut items = Vec::with_capacity(pairs.len());
        let mut pairs = pairs.iter().peekable();
        for list in 0..count as u32 {
            starts.push(items.len() as u32);
            while let Some((_, item)) = pairs.next_if(|(own, _)| *own == list) {
                items.push(*item);
            }
        }
        starts.push(items.len() as u32);
        Lists { starts, items }
    }

    fn get(&self, list: usize) -> &[T] {
        &self.items[self.starts[list] as usize..self.starts[list + 1] as usize]
    }
}

impl Index {
    pub(crate) fn segments(&self, atom: NodeId) -> &[SegmentId] {
        self.segments.get(atom.0 as usize)
    }

    /// The segments whose most telling gate, if they have one, holds.
    pub(crate) fn open(&self, holds: impl Fn(GateId) -> bool, mut f: impl FnMut(SegmentId)) {
        for (gate, segments) in &self.by_gate {
            if holds(*gate) {
                self.gated[segments.start as usize..segments.end as usize]
                    .iter()
                    .for_each(|segment| f(*segment));
            }
        }
    }

    /// Whether what belongs to a source is decided once, when the event comes.
    pub(crate) fn is_fixed(&self, source: SourceId) -> bool {
        self.fixed[source.0 as usize]
    }

    /// Whether what belongs to a source may depend on the part of the events that is looked at. Expressions that are asked
    /// once have no index.
    pub(crate) fn is_by_part(&self, source: SourceId) -> bool {
        self.by_part.get(source.0 as usize).is_none_or(|by_part| *by_part)
    }

    /// Who asks for some sources, but for the aggregates that are compared with many numbers. What events of one kind find
    /// lies mostly one behind the other.
    pub(crate) fn runs(&self, sources: &[SourceId]) -> SmallVec<[Range<u32>; 32]> {
        let mut runs: SmallVec<[Range<u32>; 32]> = SmallVec::new();
        for source in sources {
            let own = &self.uses[source.0 as usize].askers;
            match runs.last_mut() {
                Some(last) if last.end == own.start => last.end = own.end,
                _ if own.is_empty() => {}
                _ => runs.push(own.clone()),
            }
        }
        runs
    }

    /// Those of some askers whose segments may hold for somebody with these attributes, in a room that is used again.
    pub(crate) fn passing<'r>(
        &self,
        runs: &[Range<u32>],
        facts: &[Fact],
        room: &'r mut Vec<u32>,
    ) -> &'r [u32] {
        let most = runs.iter().map(Range::len).sum();
        if room.len() < most {
            room.resize(most, 0);
        }
        let mut end = 0;
        for run in runs {
            let bands = &self.askers[run.start as usize..run.end as usize];
            for (place, band) in run.clone().zip(bands) {
                room[end] = place;
                end += usize::from(band.lets(facts));
            }
        }
        let mut kept = 0;
        for i in 0..end {
            let place = room[i];
            room[kept] = place;
            kept += usize::from(self.behind[place as usize].band.lets(facts));
        }
        &room[..kept]
    }

    /// The segment of an asker, and what it asks besides.
    pub(crate) fn asker(&self, asker: u32) -> (SegmentId, &Behind) {
        (self.askers[asker as usize].of, &self.behind[asker as usize])
    }

    pub(crate) fn thresholds(&self, number: u32) -> &Thresholds {
        &self.thresholds[number as usize]
    }

    /// The aggregates over a source that are compared with many numbers.
    pub(crate) fn many(&self, source: SourceId) -> &[Thresholds] {
        let Range { start, end } = self.uses[source.0 as usize].many;
        &self.thresholds[start as usize..end as usize]
    }

    /// The running values over a source.
    pub(crate) fn totals(&self, source: SourceId) -> &[TotalId] {
        let Range { start, end } = self.uses[source.0 as usize].totals;
        &self.totals[start as usize..end as usize]
    }

    /// The properties by which a long history is sorted out.
    pub(crate) fn parted(&self) -> &[PropertyId] {
        &self.parted
    }

    /// The properties whose numbers are summed up or listed where a history is long.
    pub(crate) fn summed(&self, source: SourceId) -> &[(PropertyId, Summing)] {
        let Range { start, end } = self.uses[source.0 as usize].summed;
        &self.summed[start as usize..end as usize]
    }

    /// Who compares an aggregate with one of many numbers, from the first to the second.
    pub(crate) fn comparing(&self, thresholds: &Thresholds, (from, to): (f64, f64)) -> Range<u32> {
        let Range { start, end } = thresholds.askers;
        let all = &self.behind[start as usize..end as usize];
        let first = start + all.partition_point(|behind| behind.number < from) as u32;
        let last = start + all.partition_point(|behind| behind.number <= to) as u32;
        first..last.max(first)
    }

    /// Whether anything looks at events of a kind.
    pub(crate) fn is_read(&self, kind: EventKind, is_of_host: bool, rules: &[AffinityRule]) -> bool {
        let has_sources = |index: &KindIndex| {
            let KindIndex { always, texts, numbers, others } = index;
            !(always.is_empty() && texts.is_empty() && numbers.is_empty() && others.is_empty())
        };
        self.kinds.get(kind.0 as usize).is_some_and(has_sources)
            || self.by_event(kind, is_of_host, rules).next().is_some()
    }

    /// The sources of which an event may be, by its kind, texts and numbers, each with whether it is so for sure.
    pub(crate) fn sources(
        &self,
        kind: EventKind,
        value: impl Fn(PropertyId) -> Packed,
        mut f: impl FnMut(SourceId, bool),
    ) {
        let Some(index) = self.kinds.get(kind.0 as usize) else { return };
        index.always.iter().for_each(|source| f(*source, true));
        for (property, sources) in &index.texts {
            let sources = sources.get(&value(*property)).into_iter().flatten();
            sources.for_each(|source| f(*source, self.by_text_alone[source.0 as usize]));
        }
        for (property, [from, to]) in &index.numbers {
            match value(*property) {
                number if number.is_boxed() => {
                    from.iter().chain(to).for_each(|(_, source)| f(*source, false));
                }
                number => {
                    let Some(number) = number.small_number() else { continue };
                    from.iter()
                        .take_while(|(least, _)| *least <= number)
                        .for_each(|(_, source)| f(*source, true));
                    let most = to.partition_point(|(most, _)| *most < number);
                    to[most..].iter().for_each(|(_, source)| f(*source, true));
                }
            }
        }
        index.others.iter().for_each(|source| f(*source, false));
    }

    /// Atoms that any event of a kind touches.
    pub(crate) fn by_event<'i>(
        &'i self,
        kind: EventKind,
        is_of_host: bool,
        rules: &'i [AffinityRule],
    ) -> impl Iterator<Item = NodeId> + 'i {
        let parts = self.parts.get(kind.0 as usize).into_iter().flatten();
        let session = self.session.iter().filter(move |_| is_of_host);
        let feeds = move |rule: &AffinityRule| is_of_host && rule.weight(kind) > 0.0;
        let rules = rules.iter().zip(&self.rules).filter(move |(rule, _)| feeds(rule));
        parts.chain(session).chain(rules.flat_map(|(_, atoms)| atoms)).copied()
    }

    /// Atoms whose truth may differ between two values of an attribute.
    pub(crate) fn by_slot(&self, slot: SlotId, old: Packed, new: Packed, mut f: impl FnMut(NodeId)) {
        let index = &self.slots[slot.0 as usize];
        for value in [old, new] {
            index.is.get(&value).into_iter().flatten().for_each(|atom| f(*atom));
        }
        if old.is_missing() != new.is_missing() {
            index.missing.iter().for_each(|atom| f(*atom));
        }
        let mut range = |list: &[(f64, NodeId)], from: f64, to: f64| {
            let start = list.partition_point(|(number, _)| *number < from);
            list[start..].iter().take_while(|(number, _)| *number <= to).for_each(|(_, atom)| f(*atom));
        };
        const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        // Where one side is no number, its comparisons are false: the other side says which are true.
        let (above, below, at) = match (old.small_number(), new.small_number()) {
            (Some(a), Some(b)) => {
                let between = (a.min(b), a.max(b));
                (between, between, between)
            }
            (Some(x), None) | (None, Some(x)) if !old.is_boxed() && !new.is_boxed() => {
                ((ALL.0, x), (x, ALL.1), (x, x))
            }
            (None, None) if !old.is_boxed() && !new.is_boxed() => return index.others(&mut f),
            _ => (ALL, ALL, ALL),
        };
        range(&index.above, above.0, above.1);
        range(&index.below, below.0, below.1);
        range(&index.at, at.0, at.1);
        index.others(&mut f);
    }

    /// Atoms that look at an attribute by the key of a part.
    pub(crate) fn by_prefix<'i>(&'i self, name: &'i str) -> impl Iterator<Item = NodeId> + 'i {
        self.prefixes.iter().filter(move |(prefix, _)| name.starts_with(&**prefix)).map(|(_, atom)| *atom)
    }

    /// Atoms that another zone may change.
    pub(crate) fn by_zone(&self) -> &[NodeId] {
        &self.zone
    }
}

impl SlotIndex {
    fn others(&self, f: &mut impl FnMut(NodeId)) {
        self.other.iter().for_each(|atom| f(*atom));
    }
}

/// A value as a number that thresholds are compared with.
pub(crate) fn measure(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Instant(at) => Some(*at as f64),
        other => other.number(),
    }
}
