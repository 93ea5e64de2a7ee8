//! Items of the catalogue: what messages say of them, and questions.

use crate::engine::look::Touched;
use crate::engine::partition::no_content;
use crate::engine::{Engine, Error, Outcome, Partition};
use crate::journey::{Context, ItemChanges, ItemOccurrence};
use crate::model::{Body, CatalogueItem, Instant, Message, Object, Value};
use crate::profile::{Packed, Profile, UserKey};
use crate::recommend::{self, ITEMS_MAX};
use crate::segment::{Evaluation, ItemView};

impl Partition {
    /// What the catalogue knows of an item; nothing where no message describes it, or it was removed. O(attributes).
    #[must_use]
    pub fn item(&self, id: &str) -> Option<CatalogueItem> {
        self.catalogue.item(self.models.items().get(id)?, id, &self.store.symbols)
    }

    /// How many items the catalogue has.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.catalogue.len()
    }

    /// Whether a message may describe an item so.
    pub(super) fn check_item(&self, item: &str, attributes: &Object) -> Result<(), Error> {
        self.catalogue.check(attributes, self.settings.strict)?;
        let items = self.models.items();
        let is_full = items.len() >= ITEMS_MAX && items.get(item).is_none();
        if is_full { Err(recommend::Error::ItemsFull.into()) } else { Ok(()) }
    }

    /// Describes an item, as was checked. It has a number from now on, so that it can be recommended and asked for.
    pub(super) fn set_item(
        &mut self,
        id: &str,
        attributes: &Object,
        at: Instant,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let Ok(item) = self.models.items_mut().intern(id) else { return self.run_due(now, outcome) };
        let is_followed = self.journeys.follows_items();
        let before = is_followed.then(|| self.catalogue.copy_row(item, &mut self.store.symbols)).flatten();
        let level_before = self.level(item);
        self.catalogue.set(item, attributes, &mut self.store.symbols);
        self.models.describe(item, &self.catalogue, &self.store.symbols);
        if let Some(level) = self.level(item).filter(|level| Some(*level) != level_before) {
            self.models.set_level(item, level);
        }
        let Some(before) = before else { return self.run_due(now, outcome) };
        let after = self.catalogue.copy_row(item, &mut self.store.symbols).unwrap_or_default();
        self.follow_change(id, (&before, &after), at, now, outcome);
        before.iter().chain(&after).for_each(|value| self.store.symbols.release(*value));
    }

    /// Takes an item out of the catalogue; one that was never in it is known as removed too.
    pub(super) fn remove_item(&mut self, item: &str, now: Instant, outcome: &mut Outcome) {
        if let Ok(item) = self.models.items_mut().intern(item) {
            self.catalogue.remove(item, &mut self.store.symbols);
            self.models.describe(item, &self.catalogue, &self.store.symbols);
        }
        self.run_due(now, outcome);
    }

    // --- what journeys make of a change

    /// Whether a message about an item may begin journeys, so that it has to see what came before it.
    pub(super) fn follows_item(&self, message: &Message) -> bool {
        matches!(message.body, Body::Item { .. }) && self.journeys.follows_items()
    }

    /// Everybody for whom what a message says of an item may begin a journey.
    pub(super) fn readers_of_item(&self, id: &str, attributes: &Object) -> Vec<UserKey> {
        let known = self.models.items().get(id).filter(|item| self.catalogue.row(*item).is_some());
        let Some(item) = known else { return Vec::new() };
        self.among_audience(self.catalogue.coming(item, attributes, &self.store.symbols))
    }

    /// Those for whom at most some changes begin a journey, in order of their numbers.
    fn among_audience(&self, changes: ItemChanges) -> Vec<UserKey> {
        match self.journeys.item_audience(changes, &self.compiled.plan) {
            None => self.store.keys().collect(),
            Some(segments) => {
                let members = segments.into_iter().flat_map(|segment| self.members_of(segment));
                let mut users: Vec<UserKey> = members.collect();
                users.sort_unstable();
                users.dedup();
                users
            }
        }
    }

    /// Begins journeys for whom a change of an item does, and looks at everybody who is due, in order of their ids.
    fn follow_change(
        &mut self,
        id: &str,
        (before, after): (&[Packed], &[Packed]),
        at: Instant,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let changes = self.catalogue.changes(before, after, &self.store.symbols);
        let view = ItemView { id, now: after, before };
        if !self.may_begin(changes, view, now) {
            return self.run_due(now, outcome);
        }
        let properties = self.journeys.shows_changes();
        let properties = properties.then(|| self.catalogue.difference(before, after, &self.store.symbols));
        let number = id.parse::<i64>().ok().filter(|number| number.to_string() == id);
        let text = self.store.symbols.intern(id).packed();
        let number = number.map(|number| (self.store.symbols.pack(&Value::Int(number)), number));
        let item = ItemOccurrence { view, changes, at, text, number, properties: properties.as_ref() };

        self.next_batch(now);
        let mut due = std::mem::take(&mut self.due);
        due.sort_unstable();
        // For whom nothing is due nothing will be otherwise when they are looked at, so that can be asked before.
        let mut concerned = Vec::new();
        for user in self.among_audience(changes) {
            if due.binary_search(&user).is_ok() {
                concerned.push(user);
                continue;
            }
            self.bring(user);
            let context = Context {
                plan: &self.compiled.plan,
                store: &self.store,
                memberships: Some(&self.users[user.0 as usize].memberships),
                now,
                clock: self.host_clock,
                render: &no_content,
            };
            if !self.restricted.contains(&user) && self.journeys.begins_by_item(&context, user, &item) {
                concerned.push(user);
            }
        }
        let mut users: Vec<UserKey> = due.iter().chain(&concerned).copied().collect();
        users.sort_unstable();
        users.dedup();
        users.sort_by(|a, b| self.store.name(*a).cmp(self.store.name(*b)));
        for user in users {
            let item = concerned.binary_search(&user).is_ok().then_some(&item);
            self.touch(user);
            self.look(&Touched { item, ..Touched::by_time(user) }, now, outcome);
        }
        due.clear();
        self.due = due;
        self.store.symbols.release(text);
        if let Some((number, _)) = number {
            self.store.symbols.release(number);
        }
    }

    /// Whether a change can begin anything, as far as it says by itself.
    fn may_begin(&self, changes: ItemChanges, view: ItemView<'_>, now: Instant) -> bool {
        let plan = &self.compiled.plan;
        let nobody = Profile::new("".into(), false, Instant::MIN);
        self.journeys.may_begin(changes, |condition| {
            !plan.is_about_item_alone(condition)
                || Evaluation::of_profile(plan, &self.store, &nobody, now).of_item(view).condition(condition)
        })
    }
}

impl Engine {
    /// What the catalogue knows of an item. See [`Partition::item`].
    #[must_use]
    pub fn item(&self, id: &str) -> Option<CatalogueItem> {
        self.read(|partition| partition.item(id))
    }

    /// How many items the catalogue has.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.read(Partition::item_count)
    }
}
