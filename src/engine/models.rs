use crate::definitions::{InteractionDefinition, RecommendDefinition};
use crate::engine::unlearn::Learned;
use crate::model::{Instant, Message, Value};
use crate::profile::UserKey;
use crate::recommend::{
    CoVisitation, Error, Interaction, Items, Popularity, PopularityParams, Query, Recommendation,
    Recommender, Request,
};
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;

/// The recommenders of a partition, which learn from every event that the definitions name.
#[derive(Debug)]
pub(crate) struct Models {
    pub(super) definition: RecommendDefinition,
    rules: HashMap<Box<str>, InteractionDefinition, ahash::RandomState>,
    /// Parts of the context that popularity is also counted by, each with its model.
    pub(super) contexts: Vec<Box<str>>,
    pub(super) models: Vec<Popularity>,
    items: Items,
    pub(super) covisitation: CoVisitation,
    pub(super) popularity: Popularity,
    /// Since which arrival the definition that holds is learned by.
    pub(super) learned_since: u32,
    /// Of users whose history is not from the beginning what was learned of them.
    pub(super) learned: HashMap<UserKey, Learned, ahash::RandomState>,
}

impl Models {
    /// Untrained models.
    pub(crate) fn new(definition: &RecommendDefinition) -> Models {
        let RecommendDefinition { interactions, popularity, popularity_contexts, covisitation } = definition;
        Models {
            rules: interactions.iter().map(|rule| (rule.event.clone(), rule.clone())).collect(),
            contexts: popularity_contexts.clone(),
            models: popularity_contexts.iter().map(|name| of_context(popularity, name)).collect(),
            items: Items::new(),
            covisitation: covisitation.clone().check().expect(CHECKED),
            popularity: popularity.clone().check().expect(CHECKED),
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
        let RecommendDefinition { interactions, popularity, popularity_contexts, covisitation } = definition;
        self.rules = interactions.iter().map(|rule| (rule.event.clone(), rule.clone())).collect();
        if old.covisitation != *covisitation {
            self.covisitation = covisitation.clone().check().expect(CHECKED);
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

    /// Learns from a message. Items that cannot be ids teach nothing.
    pub(crate) fn learn(&mut self, user: UserKey, message: &Message, at: Instant) {
        let Some((event, properties)) = message.event() else { return };
        let Some(rule) = self.rules.get(event) else { return };
        let contexts: SmallVec<[(&str, &str); 4]> = self
            .contexts
            .iter()
            .filter_map(|name| {
                let value = properties.get_path(name).or_else(|| message.context.get_path(name))?;
                Some((&**name, value.as_str()?))
            })
            .collect();
        let Models { items, covisitation, popularity, models, .. } = self;
        let mut learn = |item: &str| {
            let Ok(item) = items.intern(item) else { return };
            let interaction = Interaction::new(user.0, item, at)
                .with_weight(rule.weight)
                .with_action(rule.action)
                .with_context(&contexts);
            covisitation.learn(&interaction);
            popularity.learn(&interaction);
            models.iter_mut().for_each(|model| model.learn(&interaction));
        };
        match &rule.list {
            None => {
                properties.get_path(&rule.item).into_iter().for_each(|value| each_text(value, &mut learn))
            }
            Some(list) => {
                let Some(Value::List(lines)) = properties.get_path(list) else { return };
                for line in lines {
                    if let Value::Object(line) = line {
                        line.get_path(&rule.item).into_iter().for_each(|value| each_text(value, &mut learn));
                    }
                }
            }
        }
    }

    /// What co-visitation says, filled up with what is popular.
    pub(crate) fn recommend(
        &self,
        user: Option<UserKey>,
        query: &Query,
        now: Instant,
    ) -> Result<Vec<Recommendation>, Error> {
        let request = query.resolve(&self.items, user.map(|user| user.0), now)?;
        let mut answer = self.covisitation.recommend(&request);
        if answer.len() < request.limit() {
            let least = answer.last().map_or(1.0, |last| last.score);
            self.fill_up(&request, least, &mut answer);
        }
        Ok(answer)
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

    pub(crate) fn state(&self) -> impl Serialize + '_ {
        let mut learned: Vec<(u32, Learned)> =
            self.learned.iter().map(|(user, mark)| (user.0, *mark)).collect();
        learned.sort_unstable_by_key(|(user, _)| *user);
        let learned = (self.learned_since, learned);
        (&self.items, &self.covisitation, &self.popularity, &self.models, learned)
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
