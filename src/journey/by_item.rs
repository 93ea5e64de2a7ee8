//! Changes of items: whom they begin a journey for.

use crate::journey::context::Context;
use crate::journey::enter::Entry;
use crate::journey::key::InstanceKey;
use crate::journey::plan::JourneyNo;
use crate::journey::runtime::Journeys;
use crate::journey::{ItemChange, Note};
use crate::model::{Instant, Object, Value};
use crate::profile::{Packed, PropertyId, UserKey};
use crate::segment::{ConditionId, ItemView, Plan, SegmentId};

/// What of an item changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemChanges {
    pub(crate) price_drop: bool,
    pub(crate) back_in_stock: bool,
    pub(crate) any: bool,
}

impl ItemChanges {
    pub(crate) fn has(self, change: ItemChange) -> bool {
        match change {
            ItemChange::PriceDrop => self.price_drop,
            ItemChange::BackInStock => self.back_in_stock,
            ItemChange::Any => self.any,
        }
    }
}

/// An item that has just changed.
#[derive(Debug)]
pub(crate) struct ItemOccurrence<'a> {
    pub(crate) view: ItemView<'a>,
    pub(crate) changes: ItemChanges,
    pub(crate) at: Instant,
    /// The id as events have it: as a text, and as a number where it is one.
    pub(crate) text: Packed,
    pub(crate) number: Option<(Packed, i64)>,
    /// What templates know as `event`, where any reads it.
    pub(crate) properties: Option<&'a Object>,
}

/// A journey that a change of an item begins.
#[derive(Debug)]
pub(crate) struct ItemUse {
    pub(crate) journey: JourneyNo,
    pub(crate) change: ItemChange,
    pub(crate) condition: Option<ConditionId>,
    /// The property of events that is the id of an item, and whether it is a number.
    pub(crate) key: Option<(Box<str>, bool)>,
}

impl ItemUse {
    /// What keys the instance, and the part of a user's events that the audience looks at. Nothing where no event can be
    /// about the item.
    fn key(
        &self,
        item: &ItemOccurrence<'_>,
        plan: &Plan,
    ) -> Option<(InstanceKey, Option<(PropertyId, Packed)>)> {
        let (packed, value) = match &self.key {
            Some((_, true)) => item.number.map(|(packed, n)| (packed, Value::Int(n)))?,
            _ => (item.text, Value::from(item.view.id)),
        };
        let by = self.key.as_ref().and_then(|(property, _)| plan.keep.property(property));
        Some((InstanceKey::of(&value)?, by.map(|by| (by, packed))))
    }
}

impl Journeys {
    /// Whether a change of an item can begin anything.
    pub(crate) fn follows_items(&self) -> bool {
        !self.plan.by_item.is_empty()
    }

    /// Whether any journey that a change of an item begins shows what changed.
    pub(crate) fn shows_changes(&self) -> bool {
        let journeys = &self.plan.journeys;
        self.plan.by_item.iter().any(|used| journeys[usize::from(used.journey)].keeps_event)
    }

    /// For whom at most a change begins a journey: the members of one of these segments. Nothing where it may be anybody.
    pub(crate) fn item_audience(&self, changes: ItemChanges, plan: &Plan) -> Option<Vec<SegmentId>> {
        let uses = self.plan.by_item.iter().filter(|used| changes.has(used.change));
        let audience = |journey: JourneyNo| self.plan.journeys[usize::from(journey)].audience;
        uses.map(|used| plan.needs_segment(audience(used.journey)?)).collect()
    }

    /// Whether what a journey asks of the item alone holds for any that the change may begin.
    pub(crate) fn may_begin(&self, changes: ItemChanges, holds: impl Fn(ConditionId) -> bool) -> bool {
        let mut uses = self.plan.by_item.iter().filter(|used| changes.has(used.change));
        uses.any(|used| used.condition.is_none_or(&holds))
    }

    fn concerns_user(
        &self,
        cx: &Context<'_>,
        user: UserKey,
        used: &ItemUse,
        item: &ItemOccurrence<'_>,
        part: Option<(PropertyId, Packed)>,
    ) -> bool {
        let holds = |condition| cx.evaluation(user).of_item(item.view).condition(condition);
        let is_in = |audience| cx.evaluation(user).in_part(part).condition(audience);
        used.condition.is_none_or(holds)
            && self.plan.journeys[usize::from(used.journey)].audience.is_none_or(is_in)
    }

    /// Whether a change of an item begins a journey for a user, as far as its condition and its audience say.
    pub(crate) fn begins_by_item(&self, cx: &Context<'_>, user: UserKey, item: &ItemOccurrence<'_>) -> bool {
        let mut uses = self.plan.by_item.iter().filter(|used| item.changes.has(used.change));
        uses.any(|used| {
            used.key(item, cx.plan).is_some_and(|(_, part)| self.concerns_user(cx, user, used, item, part))
        })
    }

    /// Begins what a change of an item begins for a user. Whom it does not concern is not refused, and nothing is noted of
    /// them.
    pub(crate) fn on_item(
        &mut self,
        cx: &Context<'_>,
        user: UserKey,
        item: &ItemOccurrence<'_>,
        notes: &mut Vec<Note>,
    ) -> bool {
        let plan = self.plan.clone();
        let mut is_followed = false;
        for used in plan.by_item.iter().filter(|used| item.changes.has(used.change)) {
            let Some((key, part)) = used.key(item, cx.plan) else { continue };
            if self.concerns_user(cx, user, used, item, part) {
                let entry = Entry { journey: used.journey, key, at: item.at, event: item.properties, part };
                self.enter(cx, user, entry, notes);
                is_followed = true;
            }
        }
        is_followed
    }
}
