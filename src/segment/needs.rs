//! What can be said of a condition before anybody is looked at.

use crate::segment::node::{Node, NodeId};
use crate::segment::{ConditionId, Plan, SegmentId};

impl Plan {
    /// A segment without which a condition cannot hold, where one stands in it as such.
    pub(crate) fn needs_segment(&self, condition: ConditionId) -> Option<SegmentId> {
        let segment = |node: &NodeId| match self.node(*node) {
            Node::Segment(segment) => Some(*segment),
            _ => None,
        };
        let root = self.conditions[condition.0 as usize];
        match self.node(root) {
            Node::And(all) => all.iter().find_map(segment),
            _ => segment(&root),
        }
    }

    /// Whether a condition asks for nothing but what an item is and was, whoever is looked at and whenever.
    pub(crate) fn is_about_item_alone(&self, condition: ConditionId) -> bool {
        self.is_of_item(self.conditions[condition.0 as usize])
    }

    fn is_of_item(&self, node: NodeId) -> bool {
        let node = self.node(node);
        let is_leaf = matches!(node, Node::Constant(_) | Node::Item(_) | Node::ItemBefore(_) | Node::ItemId);
        let mut is_of_item = is_leaf || node.follows_from_children();
        node.children(|child| is_of_item = is_of_item && self.is_of_item(child));
        is_of_item
    }
}
