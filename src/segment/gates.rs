//! Conditions on attributes alone, laid flat: what most often says that a segment need not be looked at.

use crate::profile::{Packed, Symbols};
use crate::segment::ast::Comparison;
use crate::segment::plan::{Node, NodeId, Segment, SegmentId, SlotId};
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
    Number(Comparison),
    Node,
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

/// What a gate says at once.
pub(crate) enum Passing {
    Known(bool),
    /// It has to be evaluated.
    Ask(NodeId),
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
                test(*slot, Test::Number(*comparison), number.0.to_bits())
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

    /// What a gate says of somebody whose attributes are these, by slot.
    #[inline]
    pub(crate) fn passing(&self, gate: Gate, facts: &[Packed], symbols: &Symbols) -> Passing {
        let Gate { value, of, test } = gate;
        let fact = |slot: u32| facts[slot as usize];
        Passing::Known(match test {
            Test::Open => true,
            Test::Is => fact(of).bits() == value,
            Test::IsNot => fact(of).bits() != value,
            Test::Number(comparison) => is(comparison, fact(of), f64::from_bits(value), symbols),
            Test::IsIn => {
                let (start, len) = ((value >> 32) as usize, (value & 0xFFFF_FFFF) as usize);
                let values = &self.values[start..start + len];
                let fact = fact(of);
                if len <= 8 { values.contains(&fact) } else { values.binary_search(&fact).is_ok() }
            }
            Test::Node => return Passing::Ask(NodeId(of)),
        })
    }
}

/// Whether an attribute is to a number as a comparison says.
#[inline]
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

    #[test]
    fn a_gate_takes_sixteen_bytes() {
        assert_eq!(size_of::<Gate>(), 16);
    }
}
