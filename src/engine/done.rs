//! What a user did with items, as far as the history holds it.

use crate::engine::models::{Models, each_text};
use crate::model::Instant;
use crate::profile::{EventKind, ProfileStore, UserKey};
use crate::recommend::{Action, ItemId};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// A rule of interactions whose events are kept: their kind, and the column of the item.
struct Column {
    kind: EventKind,
    item: usize,
    action: Action,
    weight: f32,
}

impl Models {
    /// Items with which a user did one of some things, and those against which the user spoke last.
    pub(super) fn unwanted(
        &self,
        user: UserKey,
        done: &[Action],
        store: &ProfileStore,
        now: Instant,
    ) -> Vec<ItemId> {
        let speaks_against = self.definition.interactions.iter().any(|rule| rule.weight < 0.0);
        if done.is_empty() && !speaks_against {
            return Vec::new();
        }
        let mut last: HashMap<ItemId, ((Instant, u32), bool), ahash::RandomState> = HashMap::default();
        let mut unwanted = Vec::new();
        self.each_done(user, store, now, |item, order, column| {
            if done.contains(&column.action) {
                unwanted.push(item);
            }
            // What weighs nothing, such as that it was shown, says nothing.
            if column.weight != 0.0 {
                let is_against = column.weight < 0.0;
                let known = last.entry(item).or_insert((order, is_against));
                if order >= known.0 {
                    *known = (order, is_against);
                }
            }
        });
        unwanted.extend(last.into_iter().filter(|(_, (_, is_against))| *is_against).map(|(item, _)| item));
        // In whatever order the table had them.
        unwanted.sort_unstable();
        unwanted.dedup();
        unwanted
    }

    /// What a user had, and when: items that the user did more with than to look at them.
    pub(super) fn had(&self, user: UserKey, store: &ProfileStore, now: Instant) -> Vec<(ItemId, Instant)> {
        let mut had = Vec::new();
        self.each_done(user, store, now, |item, (at, _), column| {
            if column.weight > 0.0 && column.action != Action::Viewed {
                had.push((item, at));
            }
        });
        had
    }

    /// When items were shown to a user who did not choose them since; by item.
    pub(super) fn shown(&self, user: UserKey, store: &ProfileStore, now: Instant) -> Vec<(ItemId, Instant)> {
        let (mut shown, mut chosen) = (Vec::new(), HashMap::<_, _, ahash::RandomState>::default());
        self.each_done(user, store, now, |item, order, column| {
            if column.action == Action::Shown {
                shown.push((item, order));
            } else if column.weight > 0.0 {
                let last = chosen.entry(item).or_insert(order);
                *last = order.max(*last);
            }
        });
        shown.retain(|(item, order)| chosen.get(item).is_none_or(|chosen| order > chosen));
        shown.sort_unstable();
        shown.into_iter().map(|(item, (at, _))| (item, at)).collect()
    }

    fn each_done(
        &self,
        user: UserKey,
        store: &ProfileStore,
        now: Instant,
        mut each: impl FnMut(ItemId, (Instant, u32), &Column),
    ) {
        let columns: SmallVec<[Column; 8]> = self
            .definition
            .interactions
            .iter()
            .filter_map(|rule| {
                let event = store.keep.kind_of(&rule.event);
                let kind = match &rule.list {
                    None => event,
                    Some(list) => store.keep.kind(event).lines.iter().find(|(path, _)| path == list)?.1,
                };
                let item = store.keep.place(kind, store.keep.property(&rule.item)?)?;
                (kind != EventKind::OTHER).then_some(Column {
                    kind,
                    item,
                    action: rule.action,
                    weight: rule.weight,
                })
            })
            .collect();
        let history = store.get(user).history.glance();
        // What is too old may still lie there, until somebody looks.
        let from = self.definition.remember.map_or(Instant::MAX, |age| now - age);
        for row in history.rows().iter().filter(|row| Instant::from_millis(row.at()) > from) {
            for column in columns.iter().filter(|column| column.kind == row.kind()) {
                let order = (Instant::from_millis(row.at()), row.order().1);
                each_text(&store.symbols.value(history.value(*row, column.item)), &mut |name| {
                    self.items().get(name).into_iter().for_each(|item| each(item, order, column));
                });
            }
        }
    }
}
