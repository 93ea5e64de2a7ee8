//! Conditions on attributes alone, laid flat: what most often says that a segment need not be looked at.

use crate::profile::{Packed, Symbols};
use crate::segment::ast::Comparison;
use crate::segment::node::{Node, NodeId, SlotId};
use crate::segment::plan::{Segment, SegmentId};
use crate::segment::value::Val;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Number of a gate, dense.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct GateId(u32);

impl GateId {
    /// Stands for no gate.
    pub(crate) const OPEN: GateId = GateId(u32::MAX);
}

/// The codes that an attribute may have to pass, from one on, and whose condition it is. To test it takes no branch:
/// of hundreds in a row nobody can foretell which pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band<T> {
    from: u64,
    /// How many codes follow the first; from the last code of all they go on with the first one.
    width: u64,
    slot: u32,
    pub(crate) of: T,
}

/// Whatever the attribute is.
const ALL: Band<()> = Band { from: 0, width: u64::MAX, slot: 0, of: () };
const LEAST: f64 = f64::NEG_INFINITY;
const GREATEST: f64 = f64::INFINITY;

impl<T: Copy> Band<T> {
    /// Whether somebody passes whose attributes are these, by slot; whoever has one that is [unsure](Fact) does.
    #[inline(always)]
    pub(crate) fn lets(&self, facts: &[Fact]) -> bool {
        self.lets_one(&facts[self.slot as usize])
    }

    #[inline(always)]
    fn lets_one(&self, fact: &Fact) -> bool {
        fact.code.wrapping_sub(self.from) <= self.width | fact.unsure
    }

    pub(crate) fn of<U>(self, of: U) -> Band<U> {
        Band { from: self.from, width: self.width, slot: self.slot, of }
    }

    /// Whether both look at the same attribute, and neither goes on with the first code.
    fn can_meet(&self, other: &Band<T>) -> bool {
        let is_whole = |band: &Band<T>| band.from.checked_add(band.width).is_some();
        self.slot == other.slot && is_whole(self) && is_whole(other)
    }

    /// The codes that are in both. Where there is none it is left with one; gives whether there is any.
    fn meet(&mut self, other: &Band<T>) -> bool {
        let end = (self.from + self.width).min(other.from + other.width);
        self.from = self.from.max(other.from);
        self.width = end.saturating_sub(self.from);
        end >= self.from
    }
}

/// What a gate asks for besides its band.
#[derive(Clone, Copy, Debug)]
struct Ask {
    node: NodeId,
    besides: Besides,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Besides {
    /// Nothing of whose attribute the code says all.
    Nothing,
    /// To be among the values of a list.
    Among(u32),
    /// That the node holds.
    Node,
}

/// An attribute, with its code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fact {
    pub(crate) value: Packed,
    code: u64,
    /// All bits where the code does not say what it is: a whole number that eight bytes do not hold, or a list.
    unsure: u64,
}

impl Fact {
    pub(crate) const MISSING: Fact = Fact { value: Packed::MISSING, code: Packed::MISSING.bits(), unsure: 0 };

    pub(crate) fn new(value: Packed) -> Fact {
        Fact { value, code: code(value), unsure: if value.is_boxed() { u64::MAX } else { 0 } }
    }
}

/// Numbers in their order, and behind them everything else, equal where it is the same.
fn code(value: Packed) -> u64 {
    value.small_number().map_or(value.bits(), code_of_number)
}

fn code_of_number(x: f64) -> u64 {
    // Minus zero is zero.
    let bits = (x + 0.0).to_bits();
    let is_negative = bits >> 63 == 1;
    if is_negative { !bits } else { bits | 1 << 63 }
}

/// The gates of all segments: conditions on attributes alone without which a segment cannot hold. Where one fails, and
/// has failed before, events change nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates {
    /// Each once.
    gates: Vec<Band<Ask>>,
    /// Values of lists, sorted, and where those of each begin.
    values: Vec<Packed>,
    lists: Vec<u32>,
    /// Where the gates of each segment begin in `of`.
    starts: Vec<u32>,
    /// The most telling ones of a segment first.
    of: Vec<GateId>,
}

impl Gates {
    /// Lays the gates of segments flat; `telling` says how much a condition tells. O(nodes + gates).
    pub(crate) fn new(nodes: &[Node], segments: &[Segment], telling: impl Fn(NodeId) -> usize) -> Gates {
        let mut gates = Gates { lists: vec![0], starts: vec![0], ..Gates::default() };
        let mut numbers: HashMap<NodeId, GateId, ahash::RandomState> = HashMap::default();
        let mut own: Vec<NodeId> = Vec::new();
        for segment in segments {
            own.clear();
            own.extend_from_slice(segment.gates(nodes));
            own.sort_by_key(|node| Reverse(telling(*node)));
            for node in &own {
                let number = *numbers.entry(*node).or_insert_with(|| gates.add(nodes, *node));
                gates.of.push(number);
            }
            gates.starts.push(gates.of.len() as u32);
        }
        gates.gates.shrink_to_fit();
        gates.values.shrink_to_fit();
        gates.lists.shrink_to_fit();
        gates.starts.shrink_to_fit();
        gates.of.shrink_to_fit();
        gates
    }

    fn add(&mut self, nodes: &[Node], id: NodeId) -> GateId {
        let node = |id: NodeId| &nodes[id.0 as usize];
        let band = |slot: SlotId, [from, to]: [u64; 2]| Band {
            from,
            width: to.wrapping_sub(from),
            slot: slot.0,
            of: (),
        };
        let numbers = |slot: SlotId, from: f64, to: f64| band(slot, [from, to].map(code_of_number));
        let exact = match node(id) {
            Node::TestNumber(comparison, slot, number) => match comparison {
                Comparison::GreaterOrEqual => Some(numbers(*slot, number.0, GREATEST)),
                // More than a number is at least the next one, unless none is; whole numbers that no float holds are boxed.
                Comparison::Greater if number.0 < GREATEST => {
                    Some(numbers(*slot, number.0.next_up(), GREATEST))
                }
                Comparison::LessOrEqual => Some(numbers(*slot, LEAST, number.0)),
                Comparison::Less if number.0 > LEAST => Some(numbers(*slot, LEAST, number.0.next_down())),
                Comparison::Equal => Some(numbers(*slot, number.0, number.0)),
                Comparison::Greater | Comparison::Less | Comparison::NotEqual => None,
            },
            Node::TestIs(slot, value) => Some(band(*slot, [code(*value); 2])),
            Node::Not(of) => match node(*of) {
                // From the one behind it, around to the one before it.
                Node::TestIs(slot, value) => {
                    Some(band(*slot, [code(*value).wrapping_add(1), code(*value).wrapping_sub(1)]))
                }
                _ => None,
            },
            _ => None,
        };
        let (band, besides) = match (exact, node(id)) {
            (Some(band), _) => (band, Besides::Nothing),
            (None, Node::TestIn(slot, values)) => {
                self.values.extend_from_slice(values);
                self.lists.push(self.values.len() as u32);
                let ends = [values.first(), values.last()].map(|value| value.copied().map(code));
                let band = match ends {
                    [Some(first), Some(last)] => band(*slot, [first, last]),
                    _ => Band { slot: slot.0, ..ALL },
                };
                (band, Besides::Among(self.lists.len() as u32 - 2))
            }
            (None, _) => (ALL, Besides::Node),
        };
        self.gates.push(band.of(Ask { node: id, besides }));
        GateId(self.gates.len() as u32 - 1)
    }

    /// The gates of a segment, the most telling ones first.
    pub(crate) fn of(&self, segment: SegmentId) -> &[GateId] {
        let segment = segment.0 as usize;
        &self.of[self.starts[segment] as usize..self.starts[segment + 1] as usize]
    }

    /// Its most telling gate, or [`GateId::OPEN`].
    pub(crate) fn first(&self, segment: SegmentId) -> GateId {
        self.of(segment).first().copied().unwrap_or(GateId::OPEN)
    }

    /// The bands of the two attributes of a segment that tell most, and whether its gates ask for more.
    pub(crate) fn bands(&self, segment: SegmentId) -> (Band<()>, Band<bool>) {
        let mut bands: SmallVec<[Band<()>; 8]> = SmallVec::new();
        let mut asks_more = false;
        for gate in self.of(segment) {
            let gate = self.gates[gate.0 as usize];
            asks_more |= gate.of.besides != Besides::Nothing;
            let own = gate.of(());
            if own.width == ALL.width {
                continue;
            }
            match bands.iter_mut().find(|band| band.can_meet(&own)) {
                Some(band) => asks_more |= !band.meet(&own),
                None => bands.push(own),
            }
        }
        let band = |place: usize| bands.get(place).copied().unwrap_or(ALL);
        (band(0), band(1).of(asks_more || bands.len() > 2))
    }

    /// Whether a gate lets somebody pass whose attributes are these, by slot; `ask` evaluates what needs more.
    #[inline(always)]
    pub(crate) fn passes(&self, gate: GateId, facts: &[Fact], ask: impl FnOnce(NodeId) -> bool) -> bool {
        let Some(band) = self.gates.get(gate.0 as usize) else { return true };
        let fact = &facts[band.slot as usize];
        band.lets_one(fact)
            && match band.of.besides {
                Besides::Nothing if fact.unsure == 0 => true,
                Besides::Among(list) => is_in(fact.value, self.list(list)),
                _ => ask(band.of.node),
            }
    }

    fn list(&self, list: u32) -> &[Packed] {
        &self.values[self.lists[list as usize] as usize..self.lists[list as usize + 1] as usize]
    }
}

/// Whether a value is among some; they are sorted.
pub(crate) fn is_in(value: Packed, values: &[Packed]) -> bool {
    if values.len() <= 8 { values.contains(&value) } else { values.binary_search(&value).is_ok() }
}

/// Whether an attribute is to a number as a comparison says.
pub(crate) fn is(comparison: Comparison, value: Packed, number: f64, symbols: &Symbols) -> bool {
    match value.small_number() {
        Some(x) => comparison.of(x, number),
        // Whole numbers that no float holds.
        None if value.is_boxed() => {
            Val::unpack(value, symbols).compare(comparison, &Val::Float(number), symbols)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Instant, Value};
    use crate::segment::{Kind, Plan, Schema, Subject};

    #[test]
    fn a_band_with_a_segment_takes_24_bytes() {
        assert_eq!(size_of::<Band<SegmentId>>(), 24);
    }

    /// Beside the same condition where it is no gate, because a disjunction with what never holds is around it.
    #[test]
    fn gates_say_what_their_conditions_say() {
        let mut schema = Schema::lenient();
        schema.event("view").attribute("listed", Kind::List);
        let conditions = [
            "x > 1",
            "x >= 1",
            "x < 1",
            "x <= 1",
            "x = 1",
            "x = 0",
            "x != 1",
            "x > 9007199254740992",
            "x < -0.5",
            "x >= 1e308",
            "x = \"a\"",
            "x != \"a\"",
            "x = true",
            "x in [\"a\", \"b\"]",
            "x not in [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]",
            "x in [\"q\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]",
            "x is missing",
            "lower(x) = \"a\"",
            "x + 1 > 2",
            "x between 0 and 2",
            "x >= 0 and x < 2 and x != 1",
            "x > 1 and x < 1",
            "x > 1e400",
            "x < -1e400",
            "x != \"a\" and x != \"b\"",
            "x in [\"a\", \"q\"] and x != \"q\"",
        ];
        let mut builder = Plan::builder(schema);
        for (number, condition) in conditions.iter().enumerate() {
            builder = builder
                .segment(&format!("gate {number}"), None, condition)
                .segment(&format!("gates {number}"), None, &format!("{condition} and y is missing"))
                .segment(&format!("no gate {number}"), None, &format!("{condition} or did(view)"));
        }
        let plan = builder.build().unwrap();
        let gates: usize = plan.segments.iter().filter(|segment| segment.is_gates_alone()).count();
        assert_eq!(gates, 2 * conditions.len());
        // Whom the bands of a segment let pass is found out of the others; whom they do not is never looked at.
        let band_passes = |subject: &Subject<'_>, segment: SegmentId| {
            let (first, second) = plan.index.gates.bands(segment);
            (first.lets(subject.facts()) && second.lets(subject.facts()), second.of)
        };
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Int(0),
            Value::Int(1),
            Value::Int(2),
            Value::Int(9_007_199_254_740_993),
            Value::Int(i64::MIN),
            Value::Float(1.0),
            Value::Float(1.0_f64.next_up()),
            Value::Float(-0.75),
            Value::Float(f64::MAX),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NAN),
            Value::Float(-f64::NAN),
            Value::Float(-0.0),
            Value::Float(f64::NEG_INFINITY),
            Value::String("a".into()),
            Value::String("A".into()),
            Value::String("b".into()),
            Value::List(vec![Value::Int(1)]),
        ];
        let now = Instant::from_millis(0);
        for value in values {
            let mut subject = Subject::new(&plan);
            subject.set("x", value.clone());
            let holds =
                |subject: &Subject<'_>, name: String| subject.matches(plan.segment(&name).unwrap(), now);
            for (number, condition) in conditions.iter().enumerate() {
                let expected = holds(&subject, format!("no gate {number}"));
                assert_eq!(holds(&subject, format!("gate {number}")), expected, "{condition}: {value:?}");
                assert_eq!(holds(&subject, format!("gates {number}")), expected, "{condition}: {value:?}");
            }
            let one_by_one = |subject: &Subject<'_>| -> Vec<SegmentId> {
                let all = (0..plan.segments.len() as u32).map(SegmentId);
                all.filter(|segment| subject.matches(*segment, now)).collect()
            };
            let expected = one_by_one(&subject);
            let is_boxed = matches!(value, Value::List(_) | Value::Int(9_007_199_254_740_993 | i64::MIN));
            for segment in (0..plan.segments.len() as u32).map(SegmentId) {
                let (lets, asks_more) = band_passes(&subject, segment);
                assert!(lets || !expected.contains(&segment), "{}: {value:?}", plan.name(segment));
                let is_told = plan.segments[segment.0 as usize].is_gates_alone() && !asks_more && !is_boxed;
                assert!(!is_told || lets == expected.contains(&segment), "{}: {value:?}", plan.name(segment));
            }
            assert_eq!(subject.matching(now).collect::<Vec<_>>(), expected);
        }
    }
}
