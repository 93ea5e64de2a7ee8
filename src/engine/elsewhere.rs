//! What the models of other partitions say.
//!
//! Each partition learns from its own users, and by itself: so its journal alone replays it. What they know together is put
//! together where it is asked for: the partition of whoever asks names what the user did last, each other one says what
//! follows of that by its models, and scores of the same model are added up, which sums over neighbours, counts and rates
//! of several crowds can be. Items go by their names, because numbers differ.
//!
//! Deliberately absent: what belongs to one user, and items that the user's own partition has never heard of. Beside those
//! what is learned of what was shown, which the user's own partition says alone:
//!
//! - What models count (`learn_weights`) has no statistic that adds up. It comes from steps along a gradient, each taken
//!   where the weights of this partition were by then and from what its own models had answered. Added up, the steps of
//!   `n` partitions that have all arrived would go `n` times as far; averaged, they would be as far as one of them.
//! - What features say (`rerank`) is a normal belief, and beliefs of several crowds could be put together by adding their
//!   precisions, less all but one of what each began with. But each observation was taken into account where the belief of
//!   its partition was (a logistic likelihood has no normal one), and the record of an item is what is left of its odds
//!   after what the features were believed to say then. A sum would be of parts that were measured by different beliefs:
//!   not what one partition would have learned of all, and not the same for other numbers of partitions.
//! - How often an item was shown and chosen does add up. It is not asked for by itself: which items are to be ordered is
//!   known only after all have answered, so that it would take a second round; and the records of all do not fit the
//!   features of one.
//!
//! All of it is about users in general, and each partition has a fair sample of them: it learns the same, but from `n` times
//! fewer of them in `n` partitions.

use crate::engine::answer::{COMPLEMENTS, NEXT};
use crate::engine::consent::RECOMMEND;
use crate::engine::models::Models;
use crate::engine::shards::Shards;
use crate::engine::{Error, Partition, Recommended};
use crate::model::Instant;
use crate::profile::UserKey;
use crate::recommend::{Action, Basis, ItemId, Query, Reason, Recommendation, Recommender, Request};
use hashbrown::HashMap;

/// One of the models that say something of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Sessions,
    CoVisitation,
    /// What is looked at instead of what is to be gone with.
    Instead,
    Baskets,
    Popular,
    Rising,
    /// One of those beside them, in their order.
    Beside(usize),
}

/// What the models of another partition say.
pub(super) type Heard = HashMap<Source, Vec<Named>, ahash::RandomState>;

/// An item, by its name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    item: Box<str>,
    score: f64,
    reason: Reason,
    /// The item that the reason is about.
    about: Option<Box<str>>,
}

impl Models {
    /// What a model says of a request here.
    fn own(&self, source: Source, request: &Request<'_>) -> Vec<Recommendation> {
        match source {
            Source::Sessions => self.sessions.recommend(request),
            Source::CoVisitation => self.covisitation.recommend(request),
            Source::Instead => self.covisitation.recommend(&request.as_similar()),
            Source::Baskets => self.baskets.recommend(request),
            Source::Popular => self.popular(request),
            Source::Rising => self.trending.recommend(&request.as_trending()),
            Source::Beside(place) => {
                self.beside().nth(place).map_or(Vec::new(), |model| model.recommend(request))
            }
        }
    }

    /// What is popular, in the first part of the context that the host has named, or everywhere.
    fn popular(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let place = self.contexts.iter().position(|name| request.context(name).is_some());
        place.map_or(&self.popularity, |place| &self.models[place]).recommend(request)
    }

    /// What a model says of a request, with what it says in other partitions.
    pub(super) fn says(
        &self,
        source: Source,
        request: &Request<'_>,
        others: &[Heard],
    ) -> Vec<Recommendation> {
        let mut answer = self.own(source, request);
        if others.is_empty() {
            return answer;
        }
        let mut places: HashMap<ItemId, usize, ahash::RandomState> =
            answer.iter().enumerate().map(|(place, shown)| (shown.item, place)).collect();
        for Named { item, score, reason, about } in
            others.iter().filter_map(|heard| heard.get(&source)).flatten()
        {
            let Some(item) = self.items.get(item).filter(|item| request.admits(*item)) else { continue };
            if let Some(place) = places.get(&item) {
                answer[*place].score = (answer[*place].score + score).min(f64::MAX);
                continue;
            }
            let reason = match about {
                None => reason.clone(),
                Some(about) => {
                    let Some(about) = self.items.get(about) else { continue };
                    reason.about(about, self.done_last(request, about))
                }
            };
            places.insert(item, answer.len());
            answer.push(Recommendation::new(item, *score, reason));
        }
        // Of equal ones those that are known here come first, and then in the order of partitions.
        answer.sort_by(|a, b| b.score.total_cmp(&a.score));
        answer.truncate(request.limit());
        answer
    }

    /// What whoever asks did last with an item.
    fn done_last(&self, request: &Request<'_>, item: ItemId) -> Option<Action> {
        let Basis::User(user) = request.basis() else { return None };
        self.covisitation.recent_items(user).find(|(known, _)| *known == item).map(|(_, action)| action)
    }

    /// The models that are asked of a request.
    fn asked(&self, basis: Basis<'_>) -> Vec<Source> {
        let mut asked = match basis {
            Basis::User(_) | Basis::Session(_) => vec![Source::Sessions, Source::CoVisitation],
            Basis::Similar(_) => vec![Source::CoVisitation],
            Basis::Complementary(_) => vec![Source::Baskets, Source::Instead],
            _ => Vec::new(),
        };
        if !asked.is_empty() {
            asked.extend((0..self.beside().count()).map(Source::Beside));
        }
        asked.extend([Source::Popular, Source::Rising]);
        asked
    }
}

impl Partition {
    /// What others are asked so that they answer a query of a user here, and the number of this partition; nothing where
    /// only the user's own history is asked for.
    fn question(&self, user: &str, query: &Query, now: Instant) -> Option<(Query, Option<u16>)> {
        let now = now.max(self.clock);
        let known = self.store.find(user).filter(|user| self.withholds(*user, RECOMMEND, now).is_none());
        let session = |UserKey(user)| {
            let recent = self.models.covisitation.recent_items(user);
            let names = recent.filter_map(|(item, _)| self.models.items().name(item).map(str::to_owned));
            let mut names: Vec<String> = names.collect();
            names.reverse();
            names
        };
        let question = query.for_others(known.map(session).unwrap_or_default(), COMPLEMENTS.max(NEXT))?;
        Some((question, self.among.as_ref().map(|among| among.number)))
    }

    /// What the models here say of a question from elsewhere.
    fn heard(&self, question: &Query, now: Instant) -> Heard {
        let now = now.max(self.clock);
        let items = self.models.items();
        let nothing = question.for_others_of_nothing();
        // Of items that are not known here nothing follows, but something is popular.
        let resolved = question.resolve(items, None, now).or_else(|_| nothing.resolve(items, None, now));
        let Ok(request) = resolved else { return Heard::default() };
        let admits = |item| self.catalogue.is_on_offer(item, now, &self.store.symbols);
        let request = request.with_filter(&admits);
        let name = |item: ItemId| items.name(item).unwrap_or_default().into();
        let named = |Recommendation { item, score, reason, .. }: Recommendation| Named {
            item: name(item),
            score,
            about: reason.item().map(name),
            reason,
        };
        let asked = self.models.asked(request.basis()).into_iter();
        let says = |source| self.models.own(source, &request).into_iter().map(named).collect();
        asked.map(|source| (source, says(source))).collect()
    }
}

impl Shards {
    /// Items for a user, by what all partitions know. Each is looked at by itself, so no reader waits for two.
    pub(super) fn recommend(
        &self,
        user: &str,
        query: &Query,
        now: Instant,
    ) -> Result<Vec<Recommended>, Error> {
        let mut others = Vec::new();
        if self.is_several()
            && let Some((question, home)) =
                self.read_user(user, |partition| partition.question(user, query, now))?
        {
            let elsewhere = self.numbered().filter(|(number, _)| Some(*number) != home);
            others.extend(elsewhere.map(|(_, shard)| shard.read(|there| there.heard(&question, now))));
        }
        self.read_user(user, |partition| partition.recommend_with(user, query, &others, now))?
    }
}
