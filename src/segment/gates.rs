//! Conditions on attributes alone, laid flat: what most often says that a segment need not be looked at.

use crate::profile::{Packed, Symbols};
use crate::segment::ast::Comparison;
use crate::segment::node::{Node, NodeId, SlotId};
use crate::segment::plan::{Segment, SegmentId};
use crate::segment::value::Val;
use hashbrown::HashMap;

/// Number of a gate, dense.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct GateId(u32);

impl GateId {
    /// Stands for no gate.
    pub(crate) const OPEN: GateId = GateId(u32::MAX);
}

/// A test of one attribute in sixteen bytes, or a condition that needs more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    /// The text, bool or number beside which the attribute stands; of a list, where it is among the values and how
    /// long.
    value: u64,
    /// The attribute's slot; of what needs more, its node.
    of: u32,
    test: Test,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Test {
    /// Always.
    Open,
    Is,
    IsNot,
    IsIn,
    AtLeast,
    AtMost,
    Equals,
    Node,
}

/// An attribute, with the number it is: no number where it is none, or one that eight bytes do not hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fact {
    pub(crate) value: Packed,
    number: f64,
}

impl Fact {
    pub(crate) const MISSING: Fact = Fact { value: Packed::MISSING, number: f64::NAN };

    pub(crate) fn new(value: Packed) -> Fact {
        Fact { value, number: value.small_number().unwrap_or(f64::NAN) }
    }
}

/// The gates of all segments: conditions on attributes alone without which a segment cannot hold. Where one fails, and
/// has failed before, events change nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates {
    /// Each once.
    gates: Vec<Gate>,
    /// What lists hold, each sorted.
    values: Vec<Packed>,
    /// Where the gates of each segment begin in `of`.
    starts: Vec<u32>,
    /// The most telling one of a segment first.
    of: Vec<GateId>,
}

impl Gates {
    /// Lays the gates of segments flat; `telling` says how much a condition tells. O(nodes + gates).
    pub(crate) fn new(nodes: &[Node], segments: &[Segment], telling: impl Fn(NodeId) -> usize) -> Gates {
        let mut gates = Gates { starts: vec![0], ..Gates::default() };
        let mut numbers: HashMap<NodeId, GateId, ahash::RandomState> = HashMap::default();
        for segment in segments {
            let start = gates.of.len();
            for node in segment.gates(nodes) {
                let number = *numbers.entry(*node).or_insert_with(|| gates.add(nodes, *node));
                gates.of.push(number);
            }
            // Of equals `max_by_key` gives the last one.
            let most = segment.gates(nodes).iter().enumerate().rev().max_by_key(|(_, node)| telling(**node));
            if let Some((place, _)) = most {
                gates.of[start..].swap(0, place);
            }
            gates.starts.push(gates.of.len() as u32);
        }
        gates.gates.shrink_to_fit();
        gates.values.shrink_to_fit();
        gates.starts.shrink_to_fit();
        gates.of.shrink_to_fit();
        gates
    }

    fn add(&mut self, nodes: &[Node], node: NodeId) -> GateId {
        let inner = |node: &Node| match node {
            Node::TestIs(slot, value) => Some((*slot, *value)),
            _ => None,
        };
        let test = |of: SlotId, test: Test, value: u64| Gate { value, of: of.0, test };
        let gate = match &nodes[node.0 as usize] {
            Node::TestNumber(comparison, slot, number) => {
                // More than a number is at least the next one, up to where floats leave whole numbers out.
                let is_dense = number.0.abs() < (1_u64 << 53) as f64;
                match comparison {
                    Comparison::GreaterOrEqual => test(*slot, Test::AtLeast, number.0.to_bits()),
                    Comparison::Greater if is_dense => {
                        test(*slot, Test::AtLeast, number.0.next_up().to_bits())
                    }
                    Comparison::LessOrEqual => test(*slot, Test::AtMost, number.0.to_bits()),
                    Comparison::Less if is_dense => test(*slot, Test::AtMost, number.0.next_down().to_bits()),
                    Comparison::Equal => test(*slot, Test::Equals, number.0.to_bits()),
                    _ => Gate { value: 0, of: node.0, test: Test::Node },
                }
            }
            Node::TestIs(slot, value) => test(*slot, Test::Is, value.bits()),
            Node::TestIn(slot, values) => {
                let place = (self.values.len() as u64) << 32 | values.len() as u64;
                self.values.extend_from_slice(values);
                test(*slot, Test::IsIn, place)
            }
            Node::Not(of) => match inner(&nodes[of.0 as usize]) {
                Some((slot, value)) => test(slot, Test::IsNot, value.bits()),
                None => Gate { value: 0, of: node.0, test: Test::Node },
            },
            _ => Gate { value: 0, of: node.0, test: Test::Node },
        };
        self.gates.push(gate);
        GateId(self.gates.len() as u32 - 1)
    }

    /// The gates of a segment, the most telling one first.
    pub(crate) fn of(&self, segment: SegmentId) -> &[GateId] {
        let segment = segment.0 as usize;
        &self.of[self.starts[segment] as usize..self.starts[segment + 1] as usize]
    }

    /// Its most telling gate, or [`GateId::OPEN`].
    pub(crate) fn first(&self, segment: SegmentId) -> GateId {
        self.of(segment).first().copied().unwrap_or(GateId::OPEN)
    }

    pub(crate) fn gate(&self, gate: GateId) -> Gate {
        const OPEN: Gate = Gate { value: 0, of: 0, test: Test::Open };
        if gate == GateId::OPEN { OPEN } else { self.gates[gate.0 as usize] }
    }

    /// Whether a gate lets somebody pass whose attributes are these, by slot; `ask` evaluates what needs more.
    #[inline(always)]
    pub(crate) fn passes(
        &self,
        gate: Gate,
        facts: &[Fact],
        symbols: &Symbols,
        ask: impl FnOnce(NodeId) -> bool,
    ) -> bool {
        let Gate { value, of, test } = gate;
        let fact = |slot: u32| facts[slot as usize].value;
        let is = |comparison: Comparison| {
            let (fact, number) = (facts[of as usize], f64::from_bits(value));
            comparison.of(fact.number, number)
                || fact.value.is_boxed() && is(comparison, fact.value, number, symbols)
        };
        match test {
            Test::Open => true,
            Test::Is => fact(of).bits() == value,
            Test::IsNot => fact(of).bits() != value,
            Test::AtLeast => is(Comparison::GreaterOrEqual),
            Test::AtMost => is(Comparison::LessOrEqual),
            Test::Equals => is(Comparison::Equal),
            Test::IsIn => {
                let (start, len) = ((value >> 32) as usize, (value & 0xFFFF_FFFF) as usize);
                let values = &self.values[start..start + len];
                let fact = fact(of);
                if len <= 8 { values.contains(&fact) } else { values.binary_search(&fact).is_ok() }
            }
            Test::Node => ask(NodeId(of)),
        }
    }
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
    fn a_gate_takes_sixteen_bytes() {
        assert_eq!(size_of::<Gate>(), 16);
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
            assert_eq!(subject.matching(now).collect::<Vec<_>>(), expected);
        }
    }
}
