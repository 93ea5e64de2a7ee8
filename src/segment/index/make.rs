//! From a plan's segments to their index: what each reads, and what of it can be compared.

use super::{Behind, Index, KindIndex, Lists, Map, Measure, OneKind, SlotIndex, Summing, Thresholds, Uses};
use crate::profile::{EventKind, Keep, PropertyId, Symbol, TotalId};
use crate::segment::ast::{Comparison, Operator};
use crate::segment::gates::Gates;
use crate::segment::node::{
    AggregateOp, Constant, Filter, Kinds, Node, NodeId, Parts, SlotId, Source, SourceId, Window,
};
use crate::segment::plan::{Segment, SegmentId};
use crate::segment::totals::Total;
use smallvec::SmallVec;

/// Most numbers of an aggregate whose segments are asked whether it matters to them before anything is worked out.
const FEW: usize = 8;

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
            by_part: vec![false; sources.len()],
            by_text_alone: sources.iter().map(|source| matches!(source.filter, Filter::Text(..))).collect(),
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
        let (known, numbers) = compared.or_insert_with(|| (measure, Vec::new()));
        // All of them are found by what the first one asks for.
        debug_assert_eq!(*known, measure, "an aggregate is measured in one way");
        numbers.push((number, atom));
        // What a filter reads of the user, or a calendar window of the zone, changes it as well.
        let mut reads = Reads::default();
        self.reads(aggregate, &mut reads);
        reads.sources.clear();
        self.note(atom, reads);
    }

    /// An aggregate beside a number, where from what it was and what it is follows which comparisons changed, and what
    /// the others say of the future is no nearer. All others are looked at whenever an event of theirs comes.
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
                            // Whatever it is, it stays until the oldest event leaves, which is none that comes.
                            AggregateOp::Average => Measure::Average,
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

    /// Whether the filter of a source asks for the key of the part that is looked at.
    fn is_by_part(&self, source: SourceId) -> bool {
        let Filter::Node(filter) = self.sources[source.0 as usize].filter else { return false };
        let mut open = vec![filter];
        while let Some(node) = open.pop() {
            match self.node(node) {
                Node::Key | Node::KeyedAttribute(_) | Node::EnteredPart(_) => return true,
                other => other.children(|child| open.push(child)),
            }
        }
        false
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
        self.index.uses.resize_with(self.sources.len(), Uses::default);
        for own in pairs.chunk_by(|a, b| a.0 == b.0) {
            let start = self.index.totals.len() as u32;
            self.index.totals.extend(own.iter().map(|(_, total)| *total));
            self.index.uses[own[0].0 as usize].totals = start..self.index.totals.len() as u32;
        }
    }

    /// The properties that part the events.
    fn parted(&mut self) {
        let some = self.nodes.iter().filter_map(|node| match node {
            Node::Some(parts, _) => Some(parts.by),
            _ => None,
        });
        let keyed = self.segments.iter().filter_map(|segment| Some(segment.parts.as_ref()?.by));
        let mut parted: Vec<PropertyId> = some.chain(keyed).collect();
        parted.sort_unstable();
        parted.dedup();
        self.index.parted = parted;
    }

    /// The properties whose numbers are summed up or listed in long histories.
    fn summed(&mut self) {
        let summed = |node: &Node| match node {
            Node::Aggregate(own) if own.total.is_none() => {
                let summing = match own.op {
                    op if op.is_of_numbers() => Summing::Blocks,
                    op if op.is_of_each() => Summing::List,
                    _ => return None,
                };
                Some((own.source.0, (own.property?, summing)))
            }
            _ => None,
        };
        let mut pairs: Vec<_> = self.nodes.iter().filter_map(summed).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.retain(|(source, _)| self.index.fixed[*source as usize]);
        for own in pairs.chunk_by(|a, b| a.0 == b.0) {
            let start = self.index.summed.len() as u32;
            self.index.summed.extend(own.iter().map(|(_, summed)| *summed));
            self.index.uses[own[0].0 as usize].summed = start..self.index.summed.len() as u32;
        }
    }

    fn finish(mut self) -> Index {
        for number in 0..self.sources.len() {
            let is_by_part = self.is_by_part(SourceId(number as u32));
            self.index.by_part[number] = is_by_part;
            if self.used[number] {
                let mut reads = Reads::default();
                self.source(SourceId(number as u32), &mut reads);
                self.index.fixed[number] =
                    reads.slots.is_empty() && !reads.zone && !reads.session && !is_by_part;
                self.enter_source(SourceId(number as u32));
            }
        }
        self.summed();
        self.parted();
        let Maker { mut index, mut pairs, nodes, compared, touched, sources, segments, keep, .. } = self;
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
        enter_uses(&mut index, nodes, sources, keep, compared, touched);
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
                    // More than a number is at least the next float.
                    let (to, number) = match comparison {
                        Comparison::Greater => (false, number.0.next_up()),
                        Comparison::GreaterOrEqual => (false, number.0),
                        Comparison::Less => (true, number.0.next_down()),
                        _ => (true, number.0),
                    };
                    index.numbers[place].1[usize::from(to)].push((number, id));
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
        Node::TestIs(slot, _) => 1 + texts[slot.0 as usize],
        Node::TestIn(slot, values) => 1 + texts[slot.0 as usize] / values.len().max(1),
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

impl Index {
    fn ask(&mut self, segment: SegmentId, thresholds: Option<u32>, number: f64) {
        let (first, band) = self.gates.bands(segment);
        self.askers.push(first.of(segment));
        self.behind.push(Behind { band, thresholds, number });
    }

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

fn one_kind(source: &Source, property: Option<PropertyId>, keep: &Keep) -> Option<OneKind> {
    let (Kinds::These(kinds), filter) = (&source.kinds, source.filter) else { return None };
    let &[kind] = kinds.as_slice() else { return None };
    let column = |property| keep.place(kind, property).and_then(|place| u8::try_from(place).ok());
    let filtered = match filter {
        Filter::Text(property, _) | Filter::Number(property, ..) => Some(property),
        Filter::None | Filter::Node(_) => None,
    };
    Some(OneKind { kind, filter, filtered: filtered.and_then(column), aggregated: property.and_then(column) })
}

/// Lays what looks at sources into lists, so that what one event finds lies close together.
fn enter_uses(
    index: &mut Index,
    nodes: &[Node],
    sources: &[Source],
    keep: &Keep,
    compared: Compared,
    mut touched: Vec<(u32, NodeId)>,
) {
    let aggregate = |node: NodeId| match &nodes[node.0 as usize] {
        Node::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    };
    let mut compared: Vec<_> = compared
        .into_iter()
        .filter_map(|((node, is_age), rest)| Some((aggregate(node)?.source, node, is_age, rest)))
        .collect();
    // What events of one kind find lies together.
    let order = index.order(sources.len());
    let mut places = vec![0_u32; sources.len()];
    (0..).zip(&order).for_each(|(place, source)| places[*source as usize] = place);
    let place = |source: u32| places[source as usize];
    compared.sort_unstable_by_key(|(source, node, is_age, _)| (place(source.0), *node, *is_age));
    touched.sort_unstable_by_key(|(source, atom)| (place(*source), *atom));
    let (mut compared, mut touched) = (compared.into_iter().peekable(), touched.into_iter().peekable());
    let mut many = Vec::new();
    for source in order {
        let start = index.askers.len() as u32;
        while let Some((_, node, _, (measure, numbers))) = compared.next_if(|(own, ..)| own.0 == source) {
            let segments = |atom: NodeId| index.segments.get(atom.0 as usize);
            let of = |(number, atom): (f64, NodeId)| segments(atom).iter().map(move |id| (number, *id));
            let mut numbers: Vec<(f64, SegmentId)> = numbers.into_iter().flat_map(of).collect();
            numbers.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some(aggregate) = aggregate(node) else { continue };
            let reach = match aggregate.window {
                Window::All => Some(i64::MAX),
                Window::Sliding(ms) => Some(ms),
                _ => None,
            };
            let own = Thresholds {
                aggregate: node,
                source: aggregate.source,
                one_kind: one_kind(&sources[source as usize], aggregate.property, keep),
                op: aggregate.op,
                property: aggregate.property,
                measure,
                total: aggregate.total,
                reach,
                enough: numbers.last().map_or(0.0, |(number, _)| number.ceil()) as usize,
                fewest: numbers.first().map_or(0.0, |(number, _)| number.floor()) as usize,
                askers: 0..0,
            };
            if numbers.len() > FEW {
                many.push((source, own, numbers));
                continue;
            }
            let thresholds = Some(index.thresholds.len() as u32);
            numbers.iter().for_each(|(number, segment)| {
                index.ask(*segment, thresholds, *number);
            });
            index.thresholds.push(own);
        }
        let mut touching: Vec<SegmentId> = Vec::new();
        while let Some((_, atom)) = touched.next_if(|(own, _)| *own == source) {
            touching.extend_from_slice(index.segments.get(atom.0 as usize));
        }
        touching.sort_unstable();
        touching.dedup();
        touching.iter().for_each(|segment| index.ask(*segment, None, 0.0));
        index.uses[source as usize].askers = start..index.askers.len() as u32;
    }
    // Behind all others, so that those of neighbours stay neighbours.
    for own in many.chunk_by(|a, b| a.0 == b.0) {
        let first = index.thresholds.len() as u32;
        for (_, thresholds, numbers) in own {
            let start = index.askers.len() as u32;
            numbers.iter().for_each(|(number, segment)| {
                index.ask(*segment, None, *number);
            });
            index
                .thresholds
                .push(Thresholds { askers: start..index.askers.len() as u32, ..thresholds.clone() });
        }
        index.uses[own[0].0 as usize].many = first..index.thresholds.len() as u32;
    }
    index.uses.shrink_to_fit();
    index.thresholds.shrink_to_fit();
    index.askers.shrink_to_fit();
    index.behind.shrink_to_fit();
}
