use crate::definitions::{InteractionDefinition, RecommendDefinition};
use crate::engine::RecentItem;
use crate::engine::eligible::Eligible;
use crate::engine::unlearn::{Learned, Way};
use crate::model::{Bytes, Instant, Malformed, Message, Pieces, Record, Value};
use crate::profile::{ProfileStore, UserKey};
use crate::recommend::{
    Basis, BoughtTogether, CoVisitation, Error, Interaction, Items, Occasion, Popularity, PopularityParams,
    Query, Recent, Recommendation, Recommender, Request, SessionKnn, Trending, again, blended,
};
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;

/// The recommenders of a partition, which learn from every event that the definitions name.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    pub(super) definition: RecommendDefinition,
    rules: HashMap<Box<str>, InteractionDefinition, ahash::RandomState>,
    /// Parts of the context that popularity is also counted by, each with its model.
    pub(super) contexts: Vec<Box<str>>,
    pub(super) models: Vec<Popularity>,
    items: Items,
    pub(super) covisitation: CoVisitation,
    pub(super) sessions: SessionKnn,
    pub(super) baskets: BoughtTogether,
    pub(super) popularity: Popularity,
    pub(super) trending: Trending,
    /// Since which arrival the definition that holds is learned by.
    pub(super) learned_since: u32,
    /// Of users whose history is not from the beginning what was learned of them.
    pub(super) learned: HashMap<UserKey, Learned, ahash::RandomState>,
    /// How often co-visitation has begun anew: sessions of users who were away meanwhile are of one that is no more.
    beginnings: u64,
}

impl Models {
    /// Untrained models.
    pub(crate) fn new(definition: &RecommendDefinition) -> Models {
        let RecommendDefinition { interactions, popularity, popularity_contexts, covisitation, .. } =
            definition;
        Models {
            rules: interactions.iter().map(|rule| (rule.event.clone(), rule.clone())).collect(),
            contexts: popularity_contexts.clone(),
            models: popularity_contexts.iter().map(|name| of_context(popularity, name)).collect(),
            items: Items::new(),
            covisitation: covisitation.clone().check().expect(CHECKED),
            sessions: definition.sessions.clone().check().expect(CHECKED),
            baskets: definition.baskets.clone().check().expect(CHECKED),
            beginnings: 0,
            popularity: popularity.clone().check().expect(CHECKED),
            trending: definition.trending.clone().check().expect(CHECKED),
            definition: definition.clone(),
            learned_since: 0,
            learned: HashMap::default(),
        }
    }

    /// Goes on under another definition. A model whose parameters changed begins anew, and so does popularity in a
    /// part of the context by which it was not counted; everything else goes on with what it has learned.
    pub(crate) fn redefine(&mut self, definition: &RecommendDefinition, arrival: u32) {
        let old = std::mem::replace(&mut self.definition, definition.clone());
        if old != *definition {
            self.learned_since = arrival;
            self.learned.clear();
        }
        let RecommendDefinition { interactions, popularity, popularity_contexts, covisitation, .. } =
            definition;
        self.rules = interactions.iter().map(|rule| (rule.event.clone(), rule.clone())).collect();
        if old.covisitation != *covisitation {
            self.covisitation = covisitation.clone().check().expect(CHECKED);
            self.beginnings += 1;
        }
        if old.trending != definition.trending {
            self.trending = definition.trending.clone().check().expect(CHECKED);
        }
        if old.sessions != definition.sessions {
            self.sessions = definition.sessions.clone().check().expect(CHECKED);
        }
        if old.baskets != definition.baskets {
            self.baskets = definition.baskets.clone().check().expect(CHECKED);
        }
        let is_same = old.popularity == *popularity;
        if !is_same {
            self.popularity = popularity.clone().check().expect(CHECKED);
        }
        let names = std::mem::replace(&mut self.contexts, popularity_contexts.clone());
        let mut known: HashMap<Box<str>, Popularity, ahash::RandomState> =
            names.into_iter().zip(std::mem::take(&mut self.models)).filter(|_| is_same).collect();
        let model = |name: &str| known.remove(name).unwrap_or_else(|| of_context(popularity, name));
        self.models = popularity_contexts.iter().map(|name| &**name).map(model).collect();
    }

    pub(crate) fn items(&self) -> &Items {
        &self.items
    }

    pub(super) fn items_mut(&mut self) -> &mut Items {
        &mut self.items
    }

    /// Learns from a message. Items that cannot be ids teach nothing, and neither do those of a user who has had more on
    /// that day than a person has. False where something was left out for that.
    pub(crate) fn learn(&mut self, user: UserKey, message: &Message, at: Instant) -> bool {
        let Some((event, properties)) = message.event() else { return true };
        let Some(rule) = self.rules.get(event) else { return true };
        let contexts: SmallVec<[(&str, &str); 4]> = self
            .contexts
            .iter()
            .filter_map(|name| {
                let value = properties.get_path(name).or_else(|| message.context.get_path(name))?;
                Some((&**name, value.as_str()?))
            })
            .collect();
        let Models {
            items, sessions, covisitation, baskets, popularity, trending, models, definition, ..
        } = self;
        if let Some(age) = definition.kept_for {
            sessions.expire(at - age);
        }
        let mut is_whole = true;
        let mut learn = |item: &str| {
            let Ok(item) = items.intern(item) else { return };
            if covisitation.count_of_day(user.0, at) > definition.daily_max {
                is_whole = false;
                return;
            }
            let interaction = Interaction::new(user.0, item, at)
                .with_weight(rule.weight)
                .with_action(rule.action)
                .with_context(&contexts);
            sessions.learn(&interaction);
            covisitation.learn(&interaction);
            baskets.learn(&interaction);
            popularity.learn(&interaction);
            trending.learn(&interaction);
            models.iter_mut().for_each(|model| model.learn(&interaction));
        };
        match &rule.list {
            None => {
                properties.get_path(&rule.item).into_iter().for_each(|value| each_text(value, &mut learn))
            }
            Some(list) => {
                let Some(Value::List(lines)) = properties.get_path(list) else { return true };
                for line in lines {
                    if let Value::Object(line) = line {
                        line.get_path(&rule.item).into_iter().for_each(|value| each_text(value, &mut learn));
                    }
                }
            }
        }
        is_whole
    }

    /// What a user did last, newest first.
    pub(crate) fn recent_items(&self, user: UserKey) -> Vec<RecentItem> {
        let named = |(item, action)| {
            let item = self.items.name(item).unwrap_or_default().to_owned();
            RecentItem { item, action }
        };
        self.covisitation.recent_items(user.0).map(named).collect()
    }

    /// What goes with what the user or the query names, filled up with what is popular. Nothing against which the user
    /// spoke last, nothing with which the user did what the query says, and nothing that is not eligible; of what a user
    /// had before, only that.
    pub(super) fn recommend(
        &self,
        user: Option<UserKey>,
        query: &Query,
        store: &ProfileStore,
        eligible: &Eligible<'_>,
        now: Instant,
    ) -> Result<Vec<Recommendation>, Error> {
        let admits = |item| eligible.admits(item);
        let request = query.resolve(&self.items, user.map(|user| user.0), now)?;
        let unwanted = user.map(|user| self.unwanted(user, query.done(), store, now)).unwrap_or_default();
        let request = request.excluding(unwanted).with_filter(&admits);
        if query.stages().is_neutral() {
            return Ok(self.candidates(&request, store));
        }
        // Stages may bring up what would be below the limit.
        let occasion = Occasion { limit: request.limit(), seed: request.seed(), now };
        let answer = self.candidates(&request.with_more(), store);
        Ok(query.stages().clone().check()?.apply(answer, eligible, occasion).shown)
    }

    fn candidates(&self, request: &Request<'_>, store: &ProfileStore) -> Vec<Recommendation> {
        let limit = request.limit();
        let mut answer = match request.basis() {
            Basis::Again(user) => return again(&self.had(UserKey(user), store, request.now()), request),
            Basis::Complementary(_) => {
                // What is looked at instead of an item does not go with it.
                let answers = vec![
                    self.baskets.recommend(&request.clone().with_limit(COMPLEMENTS)),
                    self.covisitation.recommend(&request.as_similar().with_limit(COMPLEMENTS)),
                ];
                blended(answers, &[1.0, INSTEAD], limit)
            }
            Basis::User(_) | Basis::Session(_) => {
                let request = request.clone().with_limit(request.limit().max(NEXT));
                let answers = vec![self.sessions.recommend(&request), self.covisitation.recommend(&request)];
                blended(answers, &[1.0, BESIDE], limit)
            }
            Basis::Trending => self.trending.recommend(request),
            _ => self.covisitation.recommend(request),
        };
        if answer.len() < request.limit() {
            let least = answer.last().map_or(1.0, |last| last.score);
            self.fill_up(request, least, &mut answer);
        }
        answer
    }

    /// Adds popular items below those that are there: their scores are scaled to stay below.
    fn fill_up(&self, request: &Request<'_>, least: f64, answer: &mut Vec<Recommendation>) {
        // The first part of the context that the host has named, or everybody.
        let place = self.contexts.iter().position(|name| request.context(name).is_some());
        let popular = place.map_or(&self.popularity, |place| &self.models[place]).recommend(request);
        let Some(most) = popular.first().map(|first| first.score).filter(|most| *most > 0.0) else { return };
        let related = answer.len();
        for mut item in popular {
            if answer.len() >= request.limit() {
                return;
            }
            if !answer[..related].iter().any(|known| known.item == item.item) {
                if related > 0 {
                    item.score = item.score / most * least;
                }
                answer.push(item);
            }
        }
    }

    /// What is to be written of what was learned, without what belongs to one user.
    pub(crate) fn write_section_later(&self, pieces: &mut Pieces) {
        let Models {
            items, sessions, covisitation, baskets, beginnings, popularity, trending, models, ..
        } = self;
        items.write_later(pieces);
        sessions.write_later(pieces);
        pieces.push_now(|out| beginnings.write(out));
        covisitation.write_later(pieces);
        baskets.write_later(pieces);
        popularity.write_later(pieces);
        trending.write_later(pieces);
        pieces.push_now(|out| models.len().write(out));
        models.iter().for_each(|model| model.write_later(pieces));
        pieces.push_now(|out| {
            self.learned_since.write(out);
            self.learned_in_order().write(out);
        });
    }

    /// Goes on with what was learned under the same definition; what belongs to users comes after.
    ///
    /// # Errors
    /// Bytes that were not written so. What was there is no longer whole then, and the models are of no use.
    pub(crate) fn read_section(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        self.items = from.read()?;
        let items = self.items.len();
        self.sessions.read_state(from, items)?;
        self.beginnings = from.counter("the number of a model")?;
        self.covisitation.read_state(from, items)?;
        self.baskets.read_state(from, items)?;
        self.popularity.read_state(from, items)?;
        self.trending.read_state(from, items)?;
        let contexts = self.models.len();
        from.valid("popularity by context", |len: &usize| *len == contexts)?;
        self.models.iter_mut().try_for_each(|model| model.read_state(from, items))?;
        self.learned_since = from.read()?;
        let learned: Vec<(u32, Learned)> = from.read()?;
        self.learned = learned.into_iter().map(|(user, learned)| (UserKey(user), learned)).collect();
        Ok(())
    }

    /// Takes out what belongs to a user: the last session.
    pub(crate) fn take_user(&mut self, user: UserKey) -> Option<Box<Recent>> {
        self.covisitation.take_user(user.0)
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(crate) fn put_user(&mut self, user: UserKey, recent: Option<Box<Recent>>) {
        self.covisitation.put_user(user.0, recent);
    }

    /// Writes what [`take_user`](Models::take_user) takes out.
    pub(crate) fn write_user(&self, user: UserKey, out: &mut Vec<u8>) {
        self.beginnings.write(out);
        self.covisitation.write_user(user.0, out);
    }

    /// Reads what was written of a user; nothing of it is left where co-visitation has begun anew since.
    ///
    /// # Errors
    /// Bytes that were not written so.
    pub(crate) fn read_user(&self, from: &mut Bytes<'_>) -> Result<Option<Box<Recent>>, Malformed> {
        let is_gone = u64::read(from)? != self.beginnings;
        self.covisitation.read_user(from, is_gone)
    }

    /// Writes what belongs to a user who goes to another partition, where items have other numbers.
    pub(super) fn write_traveller(&self, user: UserKey, recent: Option<&Recent>, out: &mut Vec<u8>) {
        let Learned { since, as_one_since } = self.learned.get(&user).copied().unwrap_or_default();
        let since = since.max(self.learned_since);
        Learned { since, as_one_since: as_one_since.max(since) }.write(out);
        recent.is_some().write(out);
        if let Some(recent) = recent {
            recent.write_named(&self.items, out);
        }
    }

    /// Takes in what was [written](Models::write_traveller) of a user whose profile is there, and learns what its
    /// history proves: where it came from that was taken back.
    ///
    /// # Errors
    /// Bytes that were not written so.
    pub(super) fn read_traveller(
        &mut self,
        user: UserKey,
        store: &ProfileStore,
        now: Instant,
        from: &mut Bytes<'_>,
    ) -> Result<(), Malformed> {
        let learned: Learned = from.read()?;
        if learned != Learned::default() {
            self.learned.insert(user, learned);
        }
        self.teach(user, store, now, Way::On);
        if bool::read(from)? {
            let recent = Recent::read_named(from, &mut self.items)?;
            self.covisitation.take_in_user(user.0, recent);
        }
        Ok(())
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: UserKey) -> usize {
        self.covisitation.heap_bytes(user.0)
    }

    fn learned_in_order(&self) -> Vec<(u32, Learned)> {
        let mut learned: Vec<_> = self.learned.iter().map(|(user, learned)| (user.0, *learned)).collect();
        learned.sort_unstable_by_key(|(user, _)| *user);
        learned
    }

    pub(crate) fn state(&self) -> impl Serialize + '_ {
        let learned = (self.learned_since, self.learned_in_order());
        let mut sessions = Vec::new();
        self.sessions.checkpoint(&mut sessions);
        (
            &self.items,
            sessions,
            &self.covisitation,
            &self.baskets,
            &self.popularity,
            &self.trending,
            &self.models,
            learned,
        )
    }
}

/// How many items may come next, of what sessions say and what co-visitation says.
const NEXT: usize = 50;
/// How much co-visitation counts beside sessions.
const BESIDE: f64 = 0.1;
/// How many items may go with those of a query before what is looked at instead is taken away.
const COMPLEMENTS: usize = 200;
/// How much that takes away: half of what the best complement has, from what is most looked at instead.
const INSTEAD: f64 = -0.5;
const CHECKED: &str = "parameters are checked with the definitions";

fn of_context(popularity: &PopularityParams, name: &str) -> Popularity {
    popularity.clone().context(name).check().expect(CHECKED)
}

/// Calls `f` with an item's id, or with each of a list of them; whole numbers are ids too.
pub(super) fn each_text(value: &Value, f: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => f(text),
        Value::Int(n) => f(&n.to_string()),
        Value::List(list) => list.iter().for_each(|element| {
            if !matches!(element, Value::List(_)) {
                each_text(element, f);
            }
        }),
        _ => {}
    }
}
