//! Whether a segment means the same under other definitions.

use crate::model::stable_hash;
use crate::profile::{AffinityRule, EventKind, Keep, Packed, PropertyId, Symbol};
use crate::segment::node::{
    Aggregate, AggregateOp, Constant, Filter, Kinds, Node, NodeId, Parts, Sequence, SlotId, SourceId, Window,
};
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::totals::Total;

/// A hash of each segment and total by names and values, not by numbers: of two plans, segments with equal ones hold for the
/// same users at the same instants. What they read is in it: the segments they refer to, the rules of affinities, how
/// properties and attributes are declared, and the settings that they depend on. O(plan).
pub(crate) fn fingerprints(plan: &Plan) -> Fingerprints {
    let kinds: Vec<u128> = kind_hashes(&plan.keep);
    let mut work = Work {
        plan,
        properties: property_hashes(&plan.keep, &kinds),
        kinds,
        nodes: vec![None; plan.nodes.len()],
        sources: vec![None; plan.sources.len()],
        segments: vec![None; plan.segments.len()],
    };
    let segments = (0..plan.segments.len()).map(|number| work.segment(SegmentId(number as u32))).collect();
    let totals = plan.totals.iter().map(|total| work.total(total)).collect();
    Fingerprints { segments, totals }
}

/// What the segments and totals of a plan mean, by number.
#[derive(Clone, Debug)]
pub(crate) struct Fingerprints {
    pub(crate) segments: Box<[u128]>,
    pub(crate) totals: Box<[u128]>,
}

/// What was worked out once. References and nesting are bounded, and so is how deep this goes.
struct Work<'p> {
    plan: &'p Plan,
    kinds: Vec<u128>,
    properties: Vec<u128>,
    nodes: Vec<Option<u128>>,
    sources: Vec<Option<u128>>,
    segments: Vec<Option<u128>>,
}

/// What is hashed, part by part; lengths stand before what can have any.
#[derive(Default)]
struct Parted(Vec<u8>);

impl Parted {
    fn of(tag: u8) -> Parted {
        Parted(vec![tag])
    }

    fn text(mut self, text: &str) -> Parted {
        self = self.number(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(mut self, number: i64) -> Parted {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn optional(self, number: Option<i64>) -> Parted {
        self.number(number.is_some().into()).number(number.unwrap_or(0))
    }

    fn hash(mut self, hash: u128) -> Parted {
        self.0.extend_from_slice(&hash.to_le_bytes());
        self
    }

    fn hashes(self, hashes: &[u128]) -> Parted {
        hashes.iter().fold(self.number(hashes.len() as i64), |parts, hash| parts.hash(*hash))
    }

    fn finish(self) -> u128 {
        stable_hash(&[&self.0])
    }
}

/// Elements of a list are known by their event and the list's path.
fn kind_hashes(keep: &Keep) -> Vec<u128> {
    let mut hashes: Vec<u128> =
        keep.kinds().map(|(_, kind)| Parted::of(0).text(&kind.name).finish()).collect();
    for (_, kind) in keep.kinds() {
        for (path, lines) in &kind.lines {
            hashes[lines.0 as usize] = Parted::of(1).text(&kind.name).text(path).finish();
        }
    }
    hashes
}

/// Properties by their names, and by whether they are declared as instants: for all kinds that have them, or for which. Where
/// all agree, a kind more or less that does so too changes nothing.
fn property_hashes(keep: &Keep, kinds: &[u128]) -> Vec<u128> {
    let mut instants: Vec<(bool, Vec<u128>)> = vec![(false, Vec::new()); keep.property_count()];
    for (kind, kept) in keep.kinds() {
        for column in &kept.columns {
            let (is_other, instants) = &mut instants[column.property.0 as usize];
            match column.instant {
                true => instants.push(kinds[kind.0 as usize]),
                false => *is_other = true,
            }
        }
    }
    let of = |(number, (is_other, mut declared)): (usize, (bool, Vec<u128>))| {
        declared.sort_unstable();
        let hash = Parted::of(2).text(keep.property_name(PropertyId(number as u16)));
        match (is_other, declared.is_empty()) {
            (true, false) => hash.hashes(&declared).finish(),
            (_, is_none) => hash.number(if is_none { 0 } else { -1 }).finish(),
        }
    };
    instants.into_iter().enumerate().map(of).collect()
}

impl Work<'_> {
    fn segment(&mut self, id: SegmentId) -> u128 {
        if let Some(known) = self.segments[id.0 as usize] {
            return known;
        }
        let segment = &self.plan.segments[id.0 as usize];
        let root = self.node(segment.root);
        let hash = match &segment.parts {
            None => Parted::of(3).hash(root),
            Some(parts) => Parted::of(4).hash(root).hash(self.parts(parts)),
        };
        *self.segments[id.0 as usize].insert(hash.finish())
    }

    fn parts(&mut self, parts: &Parts) -> u128 {
        let mut hash = Parted::of(5).hash(self.property(parts.by)).number(self.plan.parts_max as i64);
        for (kinds, window) in &parts.reads {
            hash = hash.hash(self.kinds(kinds)).hash(self.window(window));
        }
        hash.finish()
    }

    fn property(&self, property: PropertyId) -> u128 {
        self.properties[property.0 as usize]
    }

    fn kind(&self, kind: EventKind) -> u128 {
        self.kinds[kind.0 as usize]
    }

    fn text(&self, symbol: Symbol) -> &str {
        self.plan.symbols.text(symbol)
    }

    fn kinds(&self, kinds: &Kinds) -> u128 {
        match kinds {
            Kinds::Any => Parted::of(6).finish(),
            Kinds::These(kinds) => {
                let kinds: Vec<u128> = kinds.iter().map(|kind| self.kind(*kind)).collect();
                Parted::of(7).hashes(&kinds).finish()
            }
        }
    }

    fn source(&mut self, id: SourceId) -> u128 {
        if let Some(known) = self.sources[id.0 as usize] {
            return known;
        }
        let source = self.plan.source(id);
        let hash = Parted::of(8).hash(self.kinds(&source.kinds));
        let hash = match source.filter {
            Filter::None => hash.number(0),
            Filter::Text(property, text) => {
                hash.number(1).hash(self.property(property)).text(self.text(text))
            }
            Filter::Number(property, comparison, bits) => hash
                .number(2)
                .hash(self.property(property))
                .number(comparison as i64)
                .number(bits.0.to_bits() as i64),
            Filter::Node(node) => hash.number(3).hash(self.node(node)),
        };
        *self.sources[id.0 as usize].insert(hash.finish())
    }

    fn window(&mut self, window: &Window) -> u128 {
        let hash = match window {
            Window::All => Parted::of(9),
            Window::Sliding(ms) => Parted::of(10).number(*ms),
            Window::FromTo(from, to) => Parted::of(11).number(*from).number(*to),
            Window::Calendar(period, back) => {
                Parted::of(12).number(*period as i64).number((*back).into()).text(self.plan.zone.name())
            }
            Window::SinceLast(last) => Parted::of(13).hash(self.source(last.0)).hash(self.window(&last.1)),
            Window::Since(at) => Parted::of(14).number(*at),
            Window::Before(at) => Parted::of(15).number(*at),
            Window::Between(from, to) => Parted::of(16).number(*from).number(*to),
            Window::Session => Parted::of(17).number(self.plan.session_gap.as_millis()),
        };
        hash.finish()
    }

    fn constant(&self, constant: &Constant) -> u128 {
        let hash = match constant {
            Constant::Bool(value) => Parted::of(18).number((*value).into()),
            Constant::Int(n) => Parted::of(19).number(*n),
            Constant::Float(bits) => Parted::of(20).number(bits.0.to_bits() as i64),
            Constant::Text(text) => Parted::of(21).text(self.text(*text)),
            Constant::Written(text) => Parted::of(21).text(text),
            Constant::Instant(at) => Parted::of(22).number(*at),
            Constant::Duration(ms) => Parted::of(23).number(*ms),
            Constant::Time(ms) => Parted::of(24).number((*ms).into()),
            Constant::List(list) => {
                let elements: Vec<u128> = list.iter().map(|element| self.constant(element)).collect();
                Parted::of(25).hashes(&elements)
            }
        };
        hash.finish()
    }

    fn attribute(&self, slot: SlotId) -> u128 {
        let name = self.text(self.plan.slots[slot.0 as usize]);
        let is_instant = self.plan.keep.instants.contains(name);
        let hash = Parted::of(26).text(name).number(is_instant.into());
        let fields = self.plan.keep.lists.get(name).map_or(&[][..], Vec::as_slice);
        fields.iter().fold(hash, |hash, field| hash.text(&field.name).number(field.instant.into())).finish()
    }

    fn rule(&self, number: u32) -> u128 {
        let AffinityRule { property, half_life, weights, .. } = &self.plan.rules[number as usize];
        let hash = Parted::of(27).hash(self.property(*property)).number(half_life.as_millis());
        let hash = match weights {
            None => hash.number(0),
            Some(weights) => weights.iter().fold(hash.number(1), |hash, (kind, weight)| {
                hash.hash(self.kind(*kind)).number(weight.to_bits() as i64)
            }),
        };
        hash.finish()
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> u128 {
        let op = match aggregate.op {
            AggregateOp::Did => 0,
            AggregateOp::Count => 1,
            AggregateOp::Sum => 2,
            AggregateOp::Average => 3,
            AggregateOp::Least => 4,
            AggregateOp::Greatest => 5,
            AggregateOp::Deviation => 6,
            AggregateOp::Percentile(_) => 7,
            AggregateOp::Distinct => 8,
            AggregateOp::Mode => 9,
            AggregateOp::First => 10,
            AggregateOp::Last => 11,
            AggregateOp::ActiveDays => 12,
            AggregateOp::Streak => 13,
        };
        let hash = Parted::of(28)
            .number(op)
            .number(aggregate.total.is_some().into())
            .hash(self.source(aggregate.source));
        let hash = hash.hash(self.window(&aggregate.window));
        let hash = match aggregate.op {
            AggregateOp::Percentile(rank) => hash.number(rank.0.to_bits() as i64),
            // Days are those of the user's zone.
            AggregateOp::ActiveDays | AggregateOp::Streak => hash.text(self.plan.zone.name()),
            _ => hash,
        };
        match aggregate.property {
            None => hash.finish(),
            Some(property) => hash.hash(self.property(property)).finish(),
        }
    }

    fn total(&mut self, total: &Total) -> u128 {
        let hash = Parted::of(82).number(total.op as i64).hash(self.source(total.source));
        match total.property {
            None => hash.finish(),
            Some(property) => hash.hash(self.property(property)).finish(),
        }
    }

    fn sequence(&mut self, sequence: &Sequence) -> u128 {
        let mut hash = Parted::of(30).hash(self.window(&sequence.window));
        for step in &sequence.steps {
            hash = hash.number(0).hash(self.source(step.source)).optional(step.within);
            for (source, within) in &step.without {
                hash = hash.number(1).hash(self.source(*source)).optional(*within);
            }
        }
        for (source, within) in &sequence.after {
            hash = hash.number(2).hash(self.source(*source)).optional(*within);
        }
        hash.finish()
    }

    fn node(&mut self, id: NodeId) -> u128 {
        if let Some(known) = self.nodes[id.0 as usize] {
            return known;
        }
        let plan = self.plan;
        let node = plan.node(id);
        let mut children = Vec::new();
        node.children(|child| children.push(child));
        let children: Vec<u128> = children.into_iter().map(|child| self.node(child)).collect();
        let hash = self.own(node).hashes(&children);
        *self.nodes[id.0 as usize].insert(hash.finish())
    }

    /// What a node says itself; its children come behind it.
    fn own(&mut self, node: &Node) -> Parted {
        let zone = self.plan.zone.name();
        let gap = self.plan.session_gap.as_millis();
        match node {
            Node::Constant(constant) => Parted::of(32).hash(self.constant(constant)),
            Node::Attribute(slot) => Parted::of(33).hash(self.attribute(*slot)),
            Node::TestNumber(comparison, slot, bits) => Parted::of(34)
                .number(*comparison as i64)
                .hash(self.attribute(*slot))
                .number(bits.0.to_bits() as i64),
            Node::TestIs(slot, value) => Parted::of(35).hash(self.attribute(*slot)).hash(self.packed(*value)),
            Node::TestIn(slot, values) => {
                // Their order is that of their numbers.
                let mut values: Vec<u128> = values.iter().map(|value| self.packed(*value)).collect();
                values.sort_unstable();
                Parted::of(36).hash(self.attribute(*slot)).hashes(&values)
            }
            Node::KeyedAttribute(prefix) => {
                let instants = self.plan.keep.instants.iter().filter(|name| name.starts_with(&**prefix));
                let mut instants: Vec<&str> = instants.map(|name| &**name).collect();
                instants.sort_unstable();
                instants.into_iter().fold(Parted::of(37).text(prefix), Parted::text)
            }
            Node::Now => Parted::of(38),
            Node::SessionNumber => Parted::of(39).number(gap),
            Node::SessionStarted => Parted::of(40).number(gap),
            Node::SessionDuration => Parted::of(41).number(gap),
            Node::SessionEvents => Parted::of(42).number(gap),
            Node::LocalTime => Parted::of(43).text(zone),
            Node::LocalHour => Parted::of(44).text(zone),
            Node::Weekday => Parted::of(45).text(zone),
            Node::Bucket(salt) => Parted::of(46).text(salt),
            Node::Key => Parted::of(47),
            Node::Property(property) => Parted::of(48).hash(self.property(*property)),
            Node::At => Parted::of(49),
            Node::AtHour => Parted::of(50).text(zone),
            Node::AtWeekday => Parted::of(51).text(zone),
            Node::Not(_) => Parted::of(52),
            Node::And(_) => Parted::of(53),
            Node::Or(_) => Parted::of(54),
            Node::Compare(comparison, ..) => Parted::of(55).number(*comparison as i64),
            Node::AtLeast(_, least) => Parted::of(56).number(*least),
            Node::In(..) => Parted::of(57),
            Node::Contains(..) => Parted::of(58),
            Node::StartsWith(..) => Parted::of(59),
            Node::EndsWith(..) => Parted::of(60),
            Node::Matches(_, pattern) => Parted::of(61).text(pattern.0.as_str()),
            Node::AnyIn(..) => Parted::of(62),
            Node::AllIn(..) => Parted::of(63),
            Node::IsMissing(_) => Parted::of(64),
            Node::Chain(_, rest) => {
                rest.iter().fold(Parted::of(65), |hash, (operator, _)| hash.number(*operator as i64))
            }
            Node::Negative(_) => Parted::of(66),
            Node::Lower(_) => Parted::of(67),
            Node::Length(_) => Parted::of(68),
            Node::Abs(_) => Parted::of(69),
            Node::LeastOf(_) => Parted::of(70),
            Node::GreatestOf(_) => Parted::of(71),
            Node::Distance(..) => Parted::of(72),
            Node::Geo(..) => Parted::of(73),
            Node::Age(_) => Parted::of(74).text(zone),
            Node::IsAnniversary(_) => Parted::of(75).text(zone),
            Node::Aggregate(aggregate) => Parted::of(76).hash(self.aggregate(aggregate)),
            Node::Sequence(sequence) => Parted::of(77).hash(self.sequence(sequence)),
            Node::AffinityShare(rule, value) => {
                Parted::of(78).hash(self.rule(*rule)).hash(self.constant(value))
            }
            Node::AffinityTop(rule) => Parted::of(79).hash(self.rule(*rule)),
            Node::Segment(segment) => Parted::of(80).hash(self.segment(*segment)),
            Node::Some(parts, _) => Parted::of(81).hash(self.parts(parts)),
            Node::Version(_) => Parted::of(83),
            Node::Has(slot, _) => Parted::of(84).hash(self.attribute(*slot)),
            Node::Field(name) => Parted::of(85).text(name),
            Node::Lifecycle(stages) => stages.iter().fold(Parted::of(86), |hash, (segment, name)| {
                let inner = self.segment(*segment);
                hash.hash(inner).hash(self.constant(name))
            }),
            Node::Score(score) => {
                let mut hash = Parted::of(87).optional(score.half_life).hash(self.window(&score.window));
                for (source, points) in &score.events {
                    hash = hash.hash(self.source(*source)).number(points.0.to_bits() as i64);
                }
                score.conditions.iter().fold(hash, |hash, (_, points)| hash.number(points.0.to_bits() as i64))
            }
            Node::Request(path) => Parted::of(88).text(path),
            // No segment looks at items.
            Node::Item(slot) => Parted::of(91).number(slot.0.into()),
            Node::ItemBefore(slot) => Parted::of(92).number(slot.0.into()),
            Node::ItemId => Parted::of(93),
            Node::EnteredPart(prefix) => Parted::of(89).text(prefix),
            Node::Consent(general, own, granted) => {
                let own: Vec<u128> = own.iter().map(|slot| self.attribute(*slot)).collect();
                Parted::of(90).hash(self.attribute(*general)).hashes(&own).number((*granted).into())
            }
        }
    }

    /// A text or a bool that an attribute is compared with.
    fn packed(&self, value: Packed) -> u128 {
        match value.text_symbol() {
            Some(text) => Parted::of(29).text(self.text(text)).finish(),
            None => Parted::of(31).text(&format!("{:?}", self.plan.symbols.value(value))).finish(),
        }
    }
}

#[cfg(test)]
#[path = "fingerprint_test.rs"]
mod tests;
