//! `request.…`: what the host passes with a decision, known only in the conditions of placements.

use crate::profile::{Fact, ProfileStore};
use crate::segment::check::{Checked, Checker, Scope, Type};
use crate::segment::evaluate::Evaluation;
use crate::segment::node::{Node, SlotId};
use crate::segment::plan::{ConditionId, Plan};
use crate::segment::value::Val;
use crate::segment::{Error, ErrorKind, Span};

impl Checker<'_> {
    /// What a name below `request.` is; nothing where it is none, or an attribute that the schema declares.
    pub(crate) fn request(&mut self, name: &str, span: Span, scope: &Scope) -> Option<Checked> {
        let path = name.strip_prefix("request.")?;
        if scope.in_placement {
            return Some(self.still(Node::Request(path.into()), Type::Any));
        }
        if self.schema.is_partial || self.schema.attribute_kind(name).is_some() {
            return None;
        }
        let message = "`request.…` is known only in the conditions of placements";
        let error = Error::new(ErrorKind::OutOfPlace, message, span);
        Some(self.error(error.help(format!("an attribute of that name is `user.{name}`"))))
    }
}

impl Plan {
    /// Whether a condition asks for nothing of a user, but for what the host passes, facts about the world and the clock: it
    /// has an answer for somebody of whom nothing is known. O(nodes of the condition).
    pub(crate) fn asks_of_nobody(&self, condition: ConditionId, store: &ProfileStore) -> bool {
        let is_world = |slot: &SlotId| {
            let name = store.symbols.text(self.slots[slot.0 as usize]);
            matches!(Fact::of(name), Some(Fact::World(_)))
        };
        let mut open = vec![self.conditions[condition.0 as usize]];
        while let Some(node) = open.pop().map(|id| self.node(id)) {
            let is_nobodys = match node {
                Node::Request(_) | Node::Constant(_) | Node::Now => true,
                Node::Attribute(slot)
                | Node::TestNumber(_, slot, _)
                | Node::TestIs(slot, _)
                | Node::TestIn(slot, _) => is_world(slot),
                node => node.follows_from_children(),
            };
            if !is_nobodys {
                return false;
            }
            node.children(|child| open.push(child));
        }
        true
    }
}

impl<'a> Evaluation<'a> {
    /// What the request has at a path.
    pub(crate) fn request(&self, path: &str) -> Val<'a> {
        self.request.and_then(|request| request.get_path(path)).map_or(Val::Missing, Val::of)
    }
}
