use crate::definitions::{InteractionDefinition, RecommendDefinition};
use crate::engine::unlearn::Learned;
use crate::model::{Instant, Message, Value};
use crate::profile::UserKey;
use crate::recommend::{
    BoughtTogether, CoVisitation, Interaction, Items, Popularity, PopularityParams, Recommender, SessionKnn,
    Trending,
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
    pub(super) items: Items,
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
    pub(super) beginnings: u64,
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

    pub(super) fn learned_in_order(&self) -> Vec<(u32, Learned)> {
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
