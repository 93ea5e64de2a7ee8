//! Which running values of the plan that runs an expression beside it can read.

use crate::profile::TotalId;
use crate::segment::node::{Filter, Node, NodeId, Source};
use crate::segment::plan::Plan;
use crate::segment::totals::Total;

impl Plan {
    /// Has aggregates over all time read the equal totals of the running plan; where it has none, events. Both plans
    /// speak the same numbers for texts, kinds of events and properties.
    pub(crate) fn share_totals(&mut self, running: &Plan) {
        let totals = std::mem::take(&mut self.totals);
        let shared: Vec<Option<TotalId>> =
            totals.iter().map(|total| self.equal_total(total, running)).collect();
        for node in &mut self.nodes {
            if let Node::Aggregate(aggregate) = node {
                aggregate.total = aggregate.total.and_then(|own| shared[own.0 as usize]);
            }
        }
    }

    fn equal_total(&self, own: &Total, running: &Plan) -> Option<TotalId> {
        let is_equal = |other: &Total| {
            (own.op, own.property) == (other.op, other.property)
                && self.is_equal_source(self.source(own.source), running, running.source(other.source))
        };
        running.totals.iter().position(is_equal).map(|number| TotalId(number as u32))
    }

    fn is_equal_source(&self, own: &Source, other: &Plan, theirs: &Source) -> bool {
        own.kinds == theirs.kinds
            && match (own.filter, theirs.filter) {
                (Filter::Node(a), Filter::Node(b)) => self.is_equal_node(a, other, b),
                (Filter::Node(_), _) | (_, Filter::Node(_)) => false,
                (a, b) => a == b,
            }
    }

    /// Whether two conditions on events are made of the same.
    fn is_equal_node(&self, own: NodeId, other: &Plan, theirs: NodeId) -> bool {
        let (a, b) = (self.node(own), other.node(theirs));
        if shape(a) != shape(b) {
            return false;
        }
        let children = |node: &Node| {
            let mut all = Vec::new();
            node.children(|child| all.push(child));
            all
        };
        let (a, b) = (children(a), children(b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.is_equal_node(*a, other, *b))
    }
}

/// A node whose children all have one number, which is then equal in two plans where everything else is.
fn shape(node: &Node) -> Node {
    const SOME: NodeId = NodeId(0);
    let all = |nodes: &[NodeId]| nodes.iter().map(|_| SOME).collect();
    match node {
        Node::Not(_) => Node::Not(SOME),
        Node::And(nodes) => Node::And(all(nodes)),
        Node::Or(nodes) => Node::Or(all(nodes)),
        Node::Compare(comparison, ..) => Node::Compare(*comparison, SOME, SOME),
        Node::In(..) => Node::In(SOME, SOME),
        Node::Contains(..) => Node::Contains(SOME, SOME),
        Node::StartsWith(..) => Node::StartsWith(SOME, SOME),
        Node::EndsWith(..) => Node::EndsWith(SOME, SOME),
        Node::Matches(_, pattern) => Node::Matches(SOME, pattern.clone()),
        Node::AnyIn(..) => Node::AnyIn(SOME, SOME),
        Node::AllIn(..) => Node::AllIn(SOME, SOME),
        Node::IsMissing(_) => Node::IsMissing(SOME),
        Node::Chain(_, rest) => {
            Node::Chain(SOME, rest.iter().map(|(operator, _)| (*operator, SOME)).collect())
        }
        Node::Negative(_) => Node::Negative(SOME),
        Node::Lower(_) => Node::Lower(SOME),
        Node::Length(_) => Node::Length(SOME),
        Node::Abs(_) => Node::Abs(SOME),
        Node::LeastOf(nodes) => Node::LeastOf(all(nodes)),
        Node::GreatestOf(nodes) => Node::GreatestOf(all(nodes)),
        Node::Distance(..) => Node::Distance(SOME, SOME),
        Node::Geo(..) => Node::Geo(SOME, SOME),
        // Constants, properties and the instant are as they are; nothing else decides of an event for ever.
        other => other.clone(),
    }
}
