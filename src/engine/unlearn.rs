//! What recommenders learned of a user, taken back as far as the kept history proves it.

use crate::definitions::InteractionDefinition;
use crate::engine::Remains;
use crate::engine::models::{Models, each_text};
use crate::model::{Duration, Instant, Value, record};
use crate::profile::{EventKind, Horizon, Keep, ProfileStore, UserKey};
use crate::recommend::{Action, Interaction, ItemId, Recommender};
use serde::Serialize;
use smallvec::SmallVec;

/// From which arrival on the history of a user is what recommenders learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Learned {
    /// Earlier interactions may not have been learned.
    pub(super) since: u32,
    /// Earlier ones were learned, but came to several profiles.
    pub(super) as_one_since: u32,
}

record!(Learned { since, as_one_since });

/// An event that is an interaction, as it lies in the history.
struct Kept {
    kind: EventKind,
    /// The column of the item, and of what grades the interaction, where something does.
    item: usize,
    grade: Option<usize>,
    /// By context of the models: the columns of the property and of the message's context. None where one of them is
    /// not kept.
    contexts: SmallVec<[Option<(usize, usize)>; 4]>,
    /// All that came at this instant or later are there.
    from: Instant,
}

impl Kept {
    /// None where history does not say which item it was about, or how much it weighed.
    fn of(rule: &InteractionDefinition, contexts: &[Box<str>], keep: &Keep, now: Instant) -> Option<Kept> {
        let event = keep.kind_of(&rule.event);
        let kind = match &rule.list {
            None => event,
            Some(list) => keep.kind(event).lines.iter().find(|(path, _)| path == list)?.1,
        };
        if kind == EventKind::OTHER {
            return None;
        }
        let column = |path: &str| {
            let property = keep.property(path)?;
            Some((property, keep.place(kind, property)?))
        };
        // The name of a page is no property of the message, but one of the event.
        let is_named = ["page", "screen"].contains(&&*rule.event);
        let own = |path: &str| if is_named && path == "name" { None } else { column(path) };
        let (property, item) = own(&rule.item)?;
        let outer = |name: &str| match rule.list {
            None => own(name),
            Some(_) => column(&format!("event.{name}")),
        };
        let passed =
            |age: Duration| Instant::from_millis(now.as_millis().saturating_sub(age.as_millis()) + 1);
        let horizon = match keep.kind(kind).horizon {
            Horizon::None => return None,
            Horizon::For(age) => passed(age),
            Horizon::Forever => Instant::MIN,
        };
        let grade = match &rule.grade {
            Some(grade) => Some(column(&grade.property)?),
            None => None,
        };
        // A value that was kept for a time only is there as long as that: without it an event says something else.
        let ttl = |place: usize| keep.kind(kind).ttl(place);
        let values = std::iter::once(item).chain(grade.map(|(_, place)| place));
        let whole = values.filter_map(ttl).map(passed).fold(horizon, Instant::max);
        let covered = |property| keep.covered_since(kind, Some(property)).unwrap_or(Instant::MIN);
        let since = grade.iter().fold(covered(property), |since, (grade, _)| since.max(covered(*grade)));
        let places = contexts.iter().map(|name| {
            let (property, own) = outer(name)?;
            let (context, place) = column(&format!("context.{name}"))?;
            let is_whole = |property| keep.covered_since(kind, Some(property)) <= Some(since);
            let stays = ttl(own).or(ttl(place)).is_none();
            (stays && is_whole(property) && is_whole(context)).then_some((own, place))
        });
        Some(Kept {
            kind,
            item,
            grade: grade.map(|(_, place)| place),
            contexts: places.collect(),
            from: whole.max(since),
        })
    }
}

/// An interaction that the history holds.
struct Proven {
    arrival: u32,
    item: ItemId,
    at: Instant,
    weight: f32,
    rule: usize,
    contexts: SmallVec<[Option<Box<str>>; 4]>,
}

/// Whether models are taught what a history proves, or it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    On,
    Back,
}

impl Models {
    /// Takes back what the user's history proves, and forgets the user. Gives how many interactions were taken back, and
    /// which models may count more of the user.
    pub(super) fn forget(
        &mut self,
        user: UserKey,
        store: &ProfileStore,
        now: Instant,
    ) -> (u64, Vec<Remains>) {
        let taken_back = self.teach(user, store, now, Way::Back);
        self.learned.remove(&user);
        self.drop_user(user);
        taken_back
    }

    /// Lets models learn what the user's history proves, or takes it back.
    pub(super) fn teach(
        &mut self,
        user: UserKey,
        store: &ProfileStore,
        now: Instant,
        way: Way,
    ) -> (u64, Vec<Remains>) {
        let rules = self.definition.interactions.clone();
        let kept: Vec<Option<Kept>> =
            rules.iter().map(|rule| Kept::of(rule, &self.contexts, &store.keep, now)).collect();
        let learned = self.learned.get(&user).copied().unwrap_or_default();
        let since = learned.since.max(self.learned_since);
        let as_one_since = learned.as_one_since.max(since);
        if way == Way::On {
            self.intern_items(&kept, user, store);
        }
        let proven = self.proven(&rules, &kept, user, store);
        let first_seen = store.get(user).first_seen;

        // From when on all interactions are known.
        let known = kept.iter().try_fold(Instant::MIN, |from, kept| Some(from.max(kept.as_ref()?.from)));
        let is_all = |mark: u32| mark == 0 && known.is_some_and(|known| known <= first_seen);
        let before = |mark: u32| known.filter(|_| mark == 0);
        let as_interaction = |proven: &Proven| {
            let rule = &rules[proven.rule];
            Interaction::new(user.0, proven.item, proven.at)
                .with_weight(proven.weight)
                .with_action(rule.action)
        };

        let counted: Vec<&Proven> = proven.iter().filter(|proven| proven.arrival > since).collect();
        let interactions: Vec<Interaction<'_>> =
            counted.iter().map(|proven| as_interaction(proven)).collect();
        match way {
            Way::Back => {
                self.popularity.unlearn(&interactions, false);
                self.trending.unlearn(&interactions, false);
                // What stays of them stays of popularity, which says so.
                self.twins.unlearn(&interactions);
            }
            Way::On => interactions.iter().for_each(|interaction| {
                self.popularity.learn(interaction);
                self.trending.learn(interaction);
                self.twins.learn(interaction);
            }),
        }
        let mut is_everywhere = SmallVec::<[bool; 4]>::new();
        for (place, (name, model)) in self.contexts.iter().zip(&mut self.models).enumerate() {
            let is_told =
                |rule: usize| kept[rule].as_ref().is_some_and(|kept| kept.contexts[place].is_some());
            let context = |proven: &Proven| proven.contexts[place].clone();
            let values: Vec<_> =
                counted.iter().map(|proven| context(proven).map(|value| [(name.clone(), value)])).collect();
            let pairs: Vec<_> =
                values.iter().flatten().map(|[(name, value)]| [(&**name, &**value)]).collect();
            let mut pair = pairs.iter();
            let interactions: Vec<Interaction<'_>> = interactions
                .iter()
                .zip(&values)
                .map(|(interaction, value)| match value.as_ref().and_then(|_| pair.next()) {
                    Some(pair) => interaction.with_context(pair),
                    None => *interaction,
                })
                .collect();
            match way {
                Way::Back => model.unlearn(&interactions, true),
                Way::On => interactions.iter().for_each(|interaction| model.learn(interaction)),
            }
            is_everywhere.push((0..rules.len()).all(is_told));
        }

        let mut remains = Vec::new();
        let mut remain = |model: &str, before: Option<Instant>| {
            remains.push(Remains::Model { model: model.into(), before });
        };
        if let Some(known) = known {
            let barred =
                proven.iter().filter(|proven| proven.arrival <= as_one_since).map(|proven| proven.at);
            let from = if is_all(as_one_since) { Instant::MIN } else { barred.fold(known, Instant::max) };
            let stream = proven.iter().filter(|proven| proven.arrival > as_one_since && proven.at >= from);
            let stream: Vec<Interaction<'_>> = stream.map(as_interaction).collect();
            match way {
                Way::Back => {
                    self.covisitation.unlearn(&stream, from);
                    self.baskets.unlearn(&stream, from);
                }
                Way::On => {
                    for interaction in &stream {
                        self.sessions.learn(interaction);
                        self.beside_mut().for_each(|model| model.learn(interaction));
                    }
                    self.covisitation.relearn(&stream, from);
                    self.baskets.relearn(&stream, from);
                }
            }
        }
        if !rules.is_empty() {
            if !is_all(as_one_since) {
                remain(self.covisitation.name(), before(as_one_since));
                if rules.iter().any(|rule| rule.action == Action::Bought) {
                    remain(self.baskets.name(), before(as_one_since));
                }
            }
            if !is_all(since) {
                remain(self.popularity.name(), before(since));
                remain(self.trending.name(), before(since));
            }
            for (name, is_told) in self.contexts.iter().zip(is_everywhere) {
                if !(is_told && is_all(since)) {
                    let model = format!("{} by {name}", self.popularity.name());
                    remain(&model, before(since).filter(|_| is_told));
                }
            }
        }
        // What others made of it they do not say; and what was shown to many was shown to this one too.
        let others = self.beside().map(|model| model.name());
        let others = others.chain(self.explorer.iter().map(|_| "explorer"));
        let others = others.chain(self.definition.has_attempts().then_some("skills"));
        let others = others.filter(|_| !rules.is_empty());
        remains.extend(others.map(|model| Remains::Model { model: model.into(), before: None }));
        (interactions.len() as u64, remains)
    }

    /// Gives the items numbers that the history names.
    fn intern_items(&mut self, kept: &[Option<Kept>], user: UserKey, store: &ProfileStore) {
        let history = store.get(user).history.glance();
        for row in history.rows() {
            for kept in kept.iter().flatten().filter(|kept| kept.kind == row.kind()) {
                let item = store.symbols.value(history.value(*row, kept.item));
                // One that cannot be an id taught nothing.
                each_text(&item, &mut |name| drop(self.items_mut().intern(name)));
            }
        }
    }

    /// The interactions that the history holds, in the order in which they were learned.
    fn proven(
        &self,
        rules: &[InteractionDefinition],
        kept: &[Option<Kept>],
        user: UserKey,
        store: &ProfileStore,
    ) -> Vec<Proven> {
        let history = store.get(user).history.glance();
        let mut proven = Vec::new();
        let mut rows = history.rows().to_vec();
        rows.sort_by_key(|row| row.order().1);
        for row in rows {
            let at = Instant::from_millis(row.at());
            let of_kind = kept.iter().enumerate().filter_map(|(rule, kept)| Some((rule, kept.as_ref()?)));
            for (rule, kept) in of_kind.filter(|(_, kept)| kept.kind == row.kind() && at >= kept.from) {
                let value = |place: usize| store.symbols.value(history.value(row, place));
                let context = |place: &Option<(usize, usize)>| {
                    let (own, context) = (*place)?;
                    let text = match value(own) {
                        Value::Null => value(context),
                        own => own,
                    };
                    text.as_str().map(Into::into)
                };
                let weight = rules[rule].weighed(&kept.grade.map_or(Value::Null, value));
                let contexts: SmallVec<[Option<Box<str>>; 4]> = kept.contexts.iter().map(context).collect();
                each_text(&value(kept.item), &mut |name| {
                    if let Some(item) = self.items().get(name) {
                        let contexts = contexts.clone();
                        proven.push(Proven { arrival: row.order().1, item, at, weight, rule, contexts });
                    }
                });
            }
        }
        proven
    }

    /// Two profiles are one user from now on, up to an arrival.
    pub(super) fn merge(&mut self, absorbed: UserKey, user: UserKey, arrival: u32) {
        let theirs = self.learned.remove(&absorbed).unwrap_or_default();
        let own = self.learned.entry(user).or_default();
        own.since = own.since.max(theirs.since);
        own.as_one_since = arrival;
        self.sessions.rename(absorbed.0, user.0);
        self.beside_mut().for_each(|model| model.absorb(absorbed.0, user.0));
        self.skills.absorb(absorbed.0, user.0);
        self.drop_user(absorbed);
    }

    /// Those who were one user until an arrival are several. What the one's mark says of what was not learned holds for each,
    /// and what they did as one followed from what both did.
    pub(super) fn split(&mut self, user: UserKey, parts: &[UserKey], arrival: u32) {
        let since = self.learned.get(&user).map_or(0, |learned| learned.since);
        for user in parts.iter().chain([&user]) {
            self.learned.insert(*user, Learned { since, as_one_since: arrival });
        }
    }

    /// What a user did was not learned, up to an arrival.
    pub(super) fn learned_not(&mut self, user: UserKey, arrival: u32) {
        self.learned.entry(user).or_default().since = arrival;
    }

    fn drop_user(&mut self, user: UserKey) {
        self.sessions.forget(user.0);
        self.covisitation.forget(user.0);
        self.baskets.forget(user.0);
        self.popularity.forget(user.0);
        self.trending.forget(user.0);
        self.beside_mut().for_each(|model| model.forget(user.0));
        self.explorer.iter_mut().for_each(|explorer| explorer.forget(user.0));
        self.skills.forget(user.0);
        self.models.iter_mut().for_each(|model| model.forget(user.0));
    }
}
