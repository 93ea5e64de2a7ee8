use crate::profile::{Symbol, TotalId};
use crate::segment::node::{Node, NodeId, SlotId, Source, SourceId};
use crate::segment::totals::Total;
use hashbrown::{HashMap, HashTable};
use std::hash::Hash;

/// The nodes, sources, totals and attribute slots of a plan while it is made, each kept once.
///
/// A node names its children by number, so equal expressions are equal nodes and share everything below them.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    pub(crate) nodes: Vec<Node>,
    /// By node: whether it looks at attributes alone, and at nothing that moves with time.
    plain: Vec<bool>,
    /// By node: how much there is to evaluate, as far as that is known without looking at a user.
    costs: Vec<u8>,
    pub(crate) sources: Vec<Source>,
    pub(crate) totals: Vec<Total>,
    pub(crate) slots: Vec<Symbol>,
    node_numbers: HashTable<u32>,
    source_numbers: HashTable<u32>,
    total_numbers: HashTable<u32>,
    slot_numbers: HashMap<Symbol, SlotId, ahash::RandomState>,
    hasher: ahash::RandomState,
}

impl Arena {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Whether a node looks at attributes alone, so that neither events nor time change it.
    pub(crate) fn is_plain(&self, id: NodeId) -> bool {
        self.plain[id.0 as usize]
    }

    /// How much there is to evaluate in a node: the least of what is no more than attributes, the most of what goes through
    /// many events. The members of a conjunction are asked in this order.
    pub(crate) fn cost(&self, id: NodeId) -> u8 {
        self.costs[id.0 as usize]
    }

    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        let is_leaf = matches!(
            node,
            Node::Constant(_)
                | Node::Attribute(_)
                | Node::TestNumber(..)
                | Node::TestIs(..)
                | Node::TestIn(..)
        );
        let mut is_plain = is_leaf || node.follows_from_children();
        node.children(|child| is_plain &= self.is_plain(child));
        let mut cost = node.cost();
        node.children(|child| cost = cost.max(self.cost(child)));
        let cost = if is_plain { cost } else { cost.max(Node::MOVES) };
        let id = NodeId(once(node, &mut self.nodes, &mut self.node_numbers, &self.hasher));
        if self.plain.len() < self.nodes.len() {
            self.plain.push(is_plain);
            self.costs.push(cost);
        }
        id
    }

    pub(crate) fn source(&mut self, source: Source) -> SourceId {
        SourceId(once(source, &mut self.sources, &mut self.source_numbers, &self.hasher))
    }

    pub(crate) fn total(&mut self, total: Total) -> TotalId {
        TotalId(once(total, &mut self.totals, &mut self.total_numbers, &self.hasher))
    }

    pub(crate) fn slot(&mut self, attribute: Symbol) -> SlotId {
        *self.slot_numbers.entry(attribute).or_insert_with(|| {
            self.slots.push(attribute);
            SlotId(self.slots.len() as u32 - 1)
        })
    }
}

/// The number of an equal value that is there, or of this one, which then is.
fn once<T: Hash + Eq>(
    value: T,
    all: &mut Vec<T>,
    numbers: &mut HashTable<u32>,
    hasher: &ahash::RandomState,
) -> u32 {
    let hash = hasher.hash_one(&value);
    if let Some(known) = numbers.find(hash, |known| all[*known as usize] == value) {
        return *known;
    }
    let number = u32::try_from(all.len()).expect("texts of 64 KiB make no more nodes than memory holds");
    all.push(value);
    numbers.insert_unique(hash, number, |known| hasher.hash_one(&all[*known as usize]));
    number
}
