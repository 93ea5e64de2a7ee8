//! From what happens to the segments that it can change.

use crate::profile::{AffinityRule, EventKind, Keep, Packed, PropertyId, Symbol, TotalId};
use crate::segment::ast::{Comparison, Operator};
use crate::segment::gates::{Gate, GateId, Gates};
use crate::segment::plan::{
    AggregateOp, Constant, Filter, Kinds, Node, NodeId, Parts, Segment, SegmentId, SlotId, Source, SourceId,
    Window,
};
use crate::segment::totals::Total;
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
    /// By source: where what looks at it is among the three lists that follow.
    uses: Vec<Uses>,
    thresholds: Vec<Thresholds>,
    /// What aggregates are compared with, sorted for each of them, and the segments that ask.
    numbers: Vec<(f64, Asker)>,
    /// Segments that any event of a source may change.
    others: Vec<Asker>,
    /// By source: the running values over it.
    totals: Lists<TotalId>,
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
}

/// A segment that may have to be looked at, beside its most telling gate: most often that one says that it need not,
/// and then nothing else of the segment is touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) segment: SegmentId,
    pub(crate) gate: Gate,
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
    /// Those with a number in a property: above others, below others.
    numbers: Vec<(PropertyId, [Bounds; 2])>,
    /// Each has to be looked at.
    others: Vec<SourceId>,
}

/// Sources by the number that a property is compared with, sorted.
type Bounds = Vec<(f64, SourceId)>;

/// What looks at the events of a source.
#[derive(Clone, Debug, Default)]
struct Uses {
    thresholds: Range<u32>,
    others: Range<u32>,
}

/// An aggregate with the numbers it is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Thresholds {
    pub(crate) aggregate: NodeId,
    pub(crate) measure: Measure,
    /// The running value that it reads, if it does.
    pub(crate) total: Option<TotalId>,
    /// How far its window reaches back; `None` where it is none that slides.
    pub(crate) reach: Option<i64>,
    numbers: Range<u32>,
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
    /// How long ago the last event was.
    Age,
}

impl Measure {
    /// Whether the events of a window have to be gone through for it.
    pub(crate) fn is_folded(self) -> bool {
        matches!(self, Measure::Rising | Measure::Falling | Measure::Sum)
    }
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

    /// The aggregates over a source whose old and new value are compared.
    pub(crate) fn thresholds(&self, source: SourceId) -> &[Thresholds] {
        let Range { start, end } = self.uses[source.0 as usize].thresholds;
        &self.thresholds[start as usize..end as usize]
    }

    /// The segments that any event of a source may change.
    pub(crate) fn others(&self, source: SourceId) -> &[Asker] {
        let Range { start, end } = self.uses[source.0 as usize].others;
        &self.others[start as usize..end as usize]
    }

    /// The running values over a source.
    pub(crate) fn totals(&self, source: SourceId) -> &[TotalId] {
        self.totals.get(source.0 as usize)
    }

    /// The numbers that an aggregate is compared with, sorted, and the segments that ask.
    pub(crate) fn numbers(&self, thresholds: &Thresholds) -> &[(f64, Asker)] {
        let Range { start, end } = thresholds.numbers;
        &self.numbers[start as usize..end as usize]
    }

    /// The sources of which an event may be, by its kind and texts.
    pub(crate) fn sources(
        &self,
        kind: EventKind,
        value: impl Fn(PropertyId) -> Packed,
        mut f: impl FnMut(SourceId),
    ) {
        let Some(index) = self.kinds.get(kind.0 as usize) else { return };
        index.always.iter().for_each(|source| f(*source));
        for (property, sources) in &index.texts {
            sources.get(&value(*property)).into_iter().flatten().for_each(|source| f(*source));
        }
        for (property, [above, below]) in &index.numbers {
            match value(*property) {
                number if number.is_boxed() => above.iter().chain(below).for_each(|(_, source)| f(*source)),
                number => {
                    let Some(number) = number.small_number() else { continue };
                    above.iter().take_while(|(least, _)| *least <= number).for_each(|(_, source)| f(*source));
                    let most = below.partition_point(|(most, _)| *most < number);
                    below[most..].iter().for_each(|(_, source)| f(*source));
                }
            }
        }
        index.others.iter().for_each(|source| f(*source));
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

impl Index {
    /// All sources: first those of each kind of event, as its events find them.
    fn order(&self, sources: usize) -> Vec<u32> {
        let mut order: Vec<u32> = Vec::with_capacity(sources);
        for kind in &self.kinds {
            order.extend(kind.always.iter().map(|source| source.0));
            for (_, lists) in &kind.numbers {
                order.extend(lists.iter().flatten().map(|(_, source)| source.0));
            }
            for (_, texts) in &kind.texts {
                let mut texts: Vec<_> = texts.iter().collect();
                texts.sort_unstable_by_key(|(text, _)| **text);
                order.extend(texts.iter().flat_map(|(_, sources)| sources.iter()).map(|source| source.0));
            }
            order.extend(kind.others.iter().map(|source| source.0));
        }
        order.extend(0..sources as u32);
        let mut is_known = vec![false; sources];
        order.retain(|source| !std::mem::replace(&mut is_known[*source as usize], true));
        order
    }
}

impl SlotIndex {
    fn others(&self, f: &mut impl FnMut(NodeId)) {
        self.other.iter().for_each(|atom| f(*atom));
    }
}

/// Makes the index of a plan's segments. Linear in nodes, and in atoms and segments.
pub(crate) fn index(
    nodes: &[Node],
    sources: &[Source],
    totals: &[Total],
    segments: &[Segment],
    slots: usize,
    keep: &Keep,
    rules: usize,
) -> Index {
    let kinds = keep.kinds().count();
    let mut maker = Maker {
        nodes,
        sources,
        segments,
        seen: vec![0; nodes.len()],
        open: 0,
        pairs: Vec::new(),
        compared: Map::default(),
        touched: Vec::new(),
        index: Index {
            slots: (0..slots).map(|_| SlotIndex::default()).collect(),
            kinds: (0..kinds).map(|_| KindIndex::default()).collect(),
            parts: vec![Vec::new(); kinds],
            rules: vec![Vec::new(); rules],
            fixed: vec![false; sources.len()],
            ..Index::default()
        },
        noted: vec![false; nodes.len()],
        used: vec![false; sources.len()],
        keep,
    };
    for (number, segment) in segments.iter().enumerate() {
        maker.open += 1;
        maker.segment(SegmentId(number as u32), segment);
    }
    maker.totals(totals);
    maker.finish()
}

struct Maker<'a> {
    nodes: &'a [Node],
    sources: &'a [Source],
    segments: &'a [Segment],
    /// By node: the last segment, counted from 1, in which it was met.
    seen: Vec<u32>,
    open: u32,
    /// Atoms with their segments.
    pairs: Vec<(u32, SegmentId)>,
    /// By aggregate, and whether its age is meant: what it is compared with.
    compared: Compared,
    /// Sources with atoms that any event of theirs may change.
    touched: Vec<(u32, NodeId)>,
    index: Index,
    /// By node: whether what it reads as an atom was noted.
    noted: Vec<bool>,
    used: Vec<bool>,
    keep: &'a Keep,
}

/// Everything that an atom reads, where its old and new value are not compared.
#[derive(Debug, Default)]
struct Reads {
    slots: Vec<SlotId>,
    sources: Vec<SourceId>,
    parts: Vec<Kinds>,
    prefixes: Vec<Box<str>>,
    rules: Vec<u32>,
    session: bool,
    zone: bool,
}

impl<'a> Maker<'a> {
    fn node(&self, id: NodeId) -> &'a Node {
        &self.nodes[id.0 as usize]
    }

    fn segment(&mut self, id: SegmentId, segment: &Segment) {
        match &segment.parts {
            None => self.atoms(id, segment.root),
            Some(parts) => {
                // Which part an event changes is found by its key.
                self.pairs.push((segment.root.0, id));
                let mut reads = Reads::default();
                self.parts(parts, segment.root, &mut reads);
                self.note(segment.root, reads);
            }
        }
    }

    /// Goes down to the atoms of a condition.
    fn atoms(&mut self, id: SegmentId, node: NodeId) {
        if std::mem::replace(&mut self.seen[node.0 as usize], self.open) == self.open {
            return;
        }
        match self.node(node) {
            Node::Not(inner) => self.atoms(id, *inner),
            Node::And(all) | Node::Or(all) => all.iter().for_each(|each| self.atoms(id, *each)),
            Node::Segment(inner) if self.segments[inner.0 as usize].parts.is_none() => {
                self.atoms(id, self.segments[inner.0 as usize].root);
            }
            Node::Constant(_) => {}
            _ => {
                self.pairs.push((node.0, id));
                if !std::mem::replace(&mut self.noted[node.0 as usize], true) {
                    self.atom(node);
                }
            }
        }
    }

    fn atom(&mut self, node: NodeId) {
        match self.node(node) {
            Node::TestNumber(comparison, of, number) => {
                let (comparison, of, number) = (*comparison, *of, number.0);
                let index = &mut self.index.slots[of.0 as usize];
                match comparison {
                    Comparison::Greater | Comparison::GreaterOrEqual => index.above.push((number, node)),
                    Comparison::Less | Comparison::LessOrEqual => index.below.push((number, node)),
                    Comparison::Equal | Comparison::NotEqual => index.at.push((number, node)),
                }
            }
            Node::TestIs(of, value) => {
                let (of, value) = (*of, *value);
                self.index.slots[of.0 as usize].is.entry(value).or_default().push(node);
            }
            Node::TestIn(of, values) => {
                for value in values {
                    self.index.slots[of.0 as usize].is.entry(*value).or_default().push(node);
                }
            }
            Node::IsMissing(inner) if matches!(self.node(*inner), Node::Attribute(_)) => {
                if let Node::Attribute(of) = self.node(*inner) {
                    let of = *of;
                    self.index.slots[of.0 as usize].missing.push(node);
                }
            }
            _ => match self.measured(node) {
                Some((aggregate, measure, number)) => self.threshold(node, aggregate, measure, number),
                None => {
                    let mut reads = Reads::default();
                    self.reads(node, &mut reads);
                    self.note(node, reads);
                }
            },
        }
    }

    fn threshold(&mut self, atom: NodeId, aggregate: NodeId, measure: Measure, number: f64) {
        let Node::Aggregate(own) = self.node(aggregate) else { return };
        let source = own.source;
        self.used[source.0 as usize] = true;
        let compared = self.compared.entry((aggregate, measure == Measure::Age));
        compared.or_insert_with(|| (measure, Vec::new())).1.push((number, atom));
        // What a filter reads of the user, or a calendar window of the zone, changes it as well.
        let mut reads = Reads::default();
        self.reads(aggregate, &mut reads);
        reads.sources.clear();
        self.note(atom, reads);
    }

    /// An aggregate beside a number, where more events can move it one way only, and what the comparison says of the
    /// future is then no nearer. All others are looked at whenever an event of theirs comes.
    fn measured(&self, node: NodeId) -> Option<(NodeId, Measure, f64)> {
        let number = |id: NodeId| match self.node(id) {
            Node::Constant(Constant::Int(n)) => Some(*n as f64),
            Node::Constant(Constant::Float(x)) => Some(x.0),
            Node::Constant(Constant::Duration(ms)) => Some(*ms as f64),
            _ => None,
        };
        let (aggregate, measure, number) = match self.node(node) {
            Node::Aggregate(_) => (node, Measure::Count, 1.0),
            Node::AtLeast(aggregate, least) => (NodeId(*aggregate), Measure::Count, *least as f64),
            Node::Compare(comparison, left, right) => {
                let number = number(*right)?;
                let upwards = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
                if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
                    return None;
                }
                match self.node(*left) {
                    Node::Aggregate(aggregate) => {
                        let measure = match aggregate.op {
                            AggregateOp::Count | AggregateOp::Distinct | AggregateOp::ActiveDays => {
                                Measure::Rising
                            }
                            AggregateOp::Greatest if upwards => Measure::Rising,
                            AggregateOp::Least if !upwards => Measure::Falling,
                            AggregateOp::Sum => Measure::Sum,
                            _ => return None,
                        };
                        (*left, measure, number)
                    }
                    Node::Chain(first, rest) => match (self.node(*first), &rest[..]) {
                        (Node::Now, [(Operator::Subtract, last)]) => (*last, Measure::Age, number),
                        _ => return None,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        };
        let Node::Aggregate(own) = self.node(aggregate) else { return None };
        let sound = match measure {
            Measure::Age => own.op == AggregateOp::Last && own.property.is_none(),
            Measure::Count => matches!(own.op, AggregateOp::Did | AggregateOp::Count),
            _ => true,
        };
        // In these windows events enter as they come, and otherwise only leave.
        let leaves_only = match own.window {
            Window::All | Window::Sliding(_) => true,
            Window::Calendar(_, 0) => measure != Measure::Age,
            _ => false,
        };
        (sound && leaves_only).then_some((aggregate, measure, number))
    }

    /// What a keyed condition reads: also the events by which its parts exist.
    fn parts(&self, parts: &Parts, condition: NodeId, reads: &mut Reads) {
        reads.parts.extend(parts.reads.iter().map(|(kinds, _)| kinds.clone()));
        for (_, window) in &parts.reads {
            self.window(window, reads);
        }
        self.reads(condition, reads);
    }

    fn window(&self, window: &Window, reads: &mut Reads) {
        match window {
            Window::Calendar(..) => reads.zone = true,
            Window::Session => reads.session = true,
            Window::SinceLast(inner) => {
                self.source(inner.0, reads);
                self.window(&inner.1, reads);
            }
            _ => {}
        }
    }

    fn source(&self, source: SourceId, reads: &mut Reads) {
        reads.sources.push(source);
        if let Filter::Node(filter) = self.sources[source.0 as usize].filter {
            self.reads(filter, reads);
        }
    }

    fn reads_of_segment(&self, id: SegmentId, reads: &mut Reads) {
        let segment = &self.segments[id.0 as usize];
        match &segment.parts {
            Some(parts) => self.parts(parts, segment.root, reads),
            None => self.reads(segment.root, reads),
        }
    }

    /// Everything below a node.
    fn reads(&self, node: NodeId, reads: &mut Reads) {
        match self.node(node) {
            Node::Attribute(slot)
            | Node::TestNumber(_, slot, _)
            | Node::TestIs(slot, _)
            | Node::TestIn(slot, _) => {
                reads.slots.push(*slot);
            }
            Node::KeyedAttribute(prefix) | Node::EnteredPart(prefix) => reads.prefixes.push(prefix.clone()),
            Node::Consent(general, own, _) => {
                reads.slots.push(*general);
                reads.slots.extend(own);
            }
            Node::SessionNumber | Node::SessionStarted | Node::SessionDuration | Node::SessionEvents => {
                reads.session = true;
            }
            Node::LocalTime | Node::LocalHour | Node::Weekday | Node::AtHour | Node::AtWeekday => {
                reads.zone = true
            }
            Node::Age(inner) | Node::IsAnniversary(inner) => {
                reads.zone = true;
                self.reads(*inner, reads);
            }
            Node::Aggregate(aggregate) => {
                reads.zone |= matches!(aggregate.op, AggregateOp::ActiveDays | AggregateOp::Streak);
                self.source(aggregate.source, reads);
                self.window(&aggregate.window, reads);
            }
            Node::Sequence(sequence) => {
                for step in &sequence.steps {
                    self.source(step.source, reads);
                    step.without.iter().for_each(|(source, _)| self.source(*source, reads));
                }
                sequence.after.iter().for_each(|(source, _)| self.source(*source, reads));
                self.window(&sequence.window, reads);
            }
            Node::AffinityShare(rule, _) | Node::AffinityTop(rule) => reads.rules.push(*rule),
            Node::Segment(id) => self.reads_of_segment(*id, reads),
            Node::Lifecycle(stages) => stages.iter().for_each(|(id, _)| self.reads_of_segment(*id, reads)),
            Node::Some(parts, condition) => self.parts(parts, *condition, reads),
            Node::Score(score) => {
                score.events.iter().for_each(|(source, _)| self.source(*source, reads));
                self.window(&score.window, reads);
                score.conditions.iter().for_each(|(condition, _)| self.reads(*condition, reads));
            }
            Node::Has(slot, condition) => {
                reads.slots.push(*slot);
                self.reads(*condition, reads);
            }
            other => other.children(|child| self.reads(child, reads)),
        }
    }

    /// Enters an atom wherever it reads something.
    fn note(&mut self, atom: NodeId, mut reads: Reads) {
        reads.slots.sort_unstable();
        reads.slots.dedup();
        reads.sources.sort_unstable();
        reads.sources.dedup();
        let index = &mut self.index;
        reads.slots.iter().for_each(|slot| index.slots[slot.0 as usize].other.push(atom));
        for source in &reads.sources {
            self.used[source.0 as usize] = true;
            self.touched.push((source.0, atom));
        }
        if !reads.parts.is_empty() {
            for (kind, _) in self.keep.kinds() {
                if reads.parts.iter().any(|kinds| kinds.contains(kind, self.keep)) {
                    index.parts[kind.0 as usize].push(atom);
                }
            }
        }
        index.prefixes.extend(reads.prefixes.into_iter().map(|prefix| (prefix, atom)));
        for rule in reads.rules {
            index.rules[rule as usize].push(atom);
        }
        if reads.session {
            index.session.push(atom);
        }
        if reads.zone {
            index.zone.push(atom);
        }
    }

    /// Totals add up the events of their sources whoever reads them: a segment, a journey or a placement.
    fn totals(&mut self, totals: &[Total]) {
        let mut pairs: Vec<_> =
            totals.iter().zip(0..).map(|(total, number)| (total.source.0, TotalId(number))).collect();
        pairs.sort_unstable();
        pairs.iter().for_each(|(source, _)| self.used[*source as usize] = true);
        self.index.totals = Lists::of(self.sources.len(), &pairs);
    }

    fn finish(mut self) -> Index {
        for number in 0..self.sources.len() {
            if self.used[number] {
                let mut reads = Reads::default();
                self.source(SourceId(number as u32), &mut reads);
                self.index.fixed[number] = reads.slots.is_empty() && !reads.zone && !reads.session;
                self.enter_source(SourceId(number as u32));
            }
        }
        let Maker { mut index, mut pairs, nodes, compared, touched, sources, segments, .. } = self;
        pairs.sort_unstable();
        pairs.dedup();
        index.segments = Lists::of(nodes.len(), &pairs);
        let sort = |list: &mut Vec<(f64, NodeId)>| list.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, lists) in index.kinds.iter_mut().flat_map(|kind| &mut kind.numbers) {
            lists.iter_mut().for_each(|list| list.sort_by(|a, b| a.0.total_cmp(&b.0)));
        }
        for slot in &mut index.slots {
            sort(&mut slot.above);
            sort(&mut slot.below);
            sort(&mut slot.at);
            slot.above.shrink_to_fit();
            slot.below.shrink_to_fit();
            slot.at.shrink_to_fit();
            slot.other.shrink_to_fit();
            slot.is.values_mut().for_each(Vec::shrink_to_fit);
        }
        enter_gates(&mut index, nodes, segments);
        enter_uses(&mut index, nodes, sources.len(), compared, touched);
        for list in
            [&mut index.session, &mut index.zone].into_iter().chain(&mut index.rules).chain(&mut index.parts)
        {
            list.shrink_to_fit();
        }
        index
    }

    fn enter_source(&mut self, id: SourceId) {
        let source = &self.sources[id.0 as usize];
        let mut access: Option<(PropertyId, Vec<Symbol>)> = None;
        match source.filter {
            Filter::None | Filter::Number(..) => {}
            Filter::Text(property, text) => access = Some((property, vec![text])),
            Filter::Node(node) => access = self.access(node),
        }
        let kinds: SmallVec<[EventKind; 4]> = match &source.kinds {
            Kinds::These(kinds) => kinds.clone(),
            any => self
                .keep
                .kinds()
                .map(|(kind, _)| kind)
                .filter(|kind| any.contains(*kind, self.keep))
                .collect(),
        };
        for kind in kinds {
            let index = &mut self.index.kinds[kind.0 as usize];
            match (&access, source.filter) {
                (_, Filter::None) => index.always.push(id),
                (_, Filter::Number(property, comparison, number)) if comparison != Comparison::Equal => {
                    let place =
                        index.numbers.iter().position(|(known, _)| *known == property).unwrap_or_else(|| {
                            index.numbers.push((property, [Vec::new(), Vec::new()]));
                            index.numbers.len() - 1
                        });
                    let is_above = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
                    index.numbers[place].1[usize::from(!is_above)].push((number.0, id));
                }
                (None, _) => index.others.push(id),
                (Some((property, texts)), _) => {
                    let place =
                        index.texts.iter().position(|(known, _)| known == property).unwrap_or_else(|| {
                            index.texts.push((*property, Map::default()));
                            index.texts.len() - 1
                        });
                    for text in texts {
                        index.texts[place].1.entry(text.packed()).or_default().push(id);
                    }
                }
            }
        }
    }

    /// A property with the texts of which it must have one for a filter to hold.
    fn access(&self, node: NodeId) -> Option<(PropertyId, Vec<Symbol>)> {
        match self.node(node) {
            Node::Compare(Comparison::Equal, left, right) => match (self.node(*left), self.node(*right)) {
                (Node::Property(property), Node::Constant(Constant::Text(text))) => {
                    Some((*property, vec![*text]))
                }
                _ => None,
            },
            Node::In(item, list) => match (self.node(*item), self.node(*list)) {
                (Node::Property(property), Node::Constant(Constant::List(list))) => {
                    let text = |constant: &Constant| match constant {
                        Constant::Text(text) => Some(*text),
                        _ => None,
                    };
                    let mut texts: Vec<Symbol> = list.iter().map(text).collect::<Option<_>>()?;
                    texts.sort_unstable();
                    texts.dedup();
                    Some((*property, texts))
                }
                _ => None,
            },
            Node::And(all) => all.iter().find_map(|each| self.access(*each)),
            _ => None,
        }
    }
}

type Compared = Map<(NodeId, bool), (Measure, Vec<(f64, NodeId)>)>;

/// Finds each segment's gates: where gates ask for a text, the one tells most of whose attribute the most texts are
/// asked.
fn enter_gates(index: &mut Index, nodes: &[Node], segments: &[Segment]) {
    let texts: Vec<usize> = index.slots.iter().map(|slot| slot.is.len()).collect();
    index.gates = Gates::new(nodes, segments, |gate| match &nodes[gate.0 as usize] {
        Node::TestIs(slot, _) | Node::TestIn(slot, _) => 1 + texts[slot.0 as usize],
        Node::TestNumber(..) => 1,
        _ => 0,
    });
    let gates = &index.gates;
    index.gated = (0..segments.len() as u32).map(SegmentId).collect();
    index.gated.sort_by_key(|segment| gates.first(*segment));
    for (place, segment) in (0..).zip(&index.gated) {
        let gate = gates.first(*segment);
        match index.by_gate.last_mut() {
            Some((last, segments)) if *last == gate => segments.end += 1,
            _ => index.by_gate.push((gate, place..place + 1)),
        }
    }
    index.by_gate.shrink_to_fit();
}

/// Lays what looks at sources into lists, so that what one event finds lies close together.
fn enter_uses(
    index: &mut Index,
    nodes: &[Node],
    sources: usize,
    compared: Compared,
    mut touched: Vec<(u32, NodeId)>,
) {
    let gates = std::mem::take(&mut index.gates);
    let asker = |segment: &SegmentId| Asker { segment: *segment, gate: gates.gate(gates.first(*segment)) };
    let aggregate = |node: NodeId| match &nodes[node.0 as usize] {
        Node::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    };
    let mut compared: Vec<_> = compared
        .into_iter()
        .filter_map(|((node, is_age), rest)| Some((aggregate(node)?.source, node, is_age, rest)))
        .collect();
    // What events of one kind find lies together.
    let order = index.order(sources);
    let mut places = vec![0_u32; sources];
    (0..).zip(&order).for_each(|(place, source)| places[*source as usize] = place);
    let place = |source: u32| places[source as usize];
    compared.sort_unstable_by_key(|(source, node, is_age, _)| (place(source.0), *node, *is_age));
    touched.sort_unstable_by_key(|(source, atom)| (place(*source), *atom));
    index.uses.resize_with(sources, Uses::default);
    let (mut compared, mut touched) = (compared.into_iter().peekable(), touched.into_iter().peekable());
    for source in order {
        let starts = (index.thresholds.len() as u32, index.others.len() as u32);
        while let Some((_, node, _, (measure, numbers))) = compared.next_if(|(own, ..)| own.0 == source) {
            let start = index.numbers.len();
            for (number, atom) in numbers {
                let segments = index.segments.get(atom.0 as usize);
                index.numbers.extend(segments.iter().map(|segment| (number, asker(segment))));
            }
            index.numbers[start..].sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.segment.cmp(&b.1.segment)));
            let reach = match aggregate(node).map(|aggregate| &aggregate.window) {
                Some(Window::All) => Some(i64::MAX),
                Some(Window::Sliding(ms)) => Some(*ms),
                _ => None,
            };
            let total = aggregate(node).and_then(|aggregate| aggregate.total);
            let numbers = start as u32..index.numbers.len() as u32;
            index.thresholds.push(Thresholds { aggregate: node, measure, total, reach, numbers });
        }
        while let Some((_, atom)) = touched.next_if(|(own, _)| *own == source) {
            index.others.extend(index.segments.get(atom.0 as usize).iter().map(asker));
        }
        let others = &mut index.others;
        others[starts.1 as usize..].sort_unstable_by_key(|asker| asker.segment);
        index.uses[source as usize] = Uses {
            thresholds: starts.0..index.thresholds.len() as u32,
            others: starts.1..others.len() as u32,
        };
    }
    index.gates = gates;
    index.uses.shrink_to_fit();
    index.thresholds.shrink_to_fit();
    index.numbers.shrink_to_fit();
    index.others.shrink_to_fit();
}

/// A value as a number that thresholds are compared with.
pub(crate) fn measure(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Instant(at) => Some(*at as f64),
        other => other.number(),
    }
}
