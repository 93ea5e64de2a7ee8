use crate::definitions::{InteractionDefinition, RecommendDefinition, Weighted};
use crate::engine::answer::{BESIDE, NEXT};
use crate::engine::hosts::Hosts;
use crate::engine::reorder::Row;
use crate::engine::unlearn::Learned;
use crate::model::{Instant, Message, Object, Value};
use crate::predict::Skills;
use crate::profile::UserKey;
use crate::recommend::{
    Action, Als, AlsParams, BoughtTogether, CoVisitation, Ease, EaseParams, Explorer, Interaction, Items,
    Popularity, PopularityParams, Recommender, Request, SessionKnn, Trending, Twins, Weights,
};
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;
use std::sync::Arc;

/// By event: whoever learns holds one while models change.
type Rules = HashMap<Box<str>, Arc<InteractionDefinition>, ahash::RandomState>;

/// The recommenders of a partition, which learn from every event that the definitions name.
#[derive(Debug)]
pub(crate) struct Models {
    pub(super) definition: RecommendDefinition,
    rules: Rules,
    /// Parts of the context that popularity is also counted by, each with its model.
    pub(super) contexts: Arc<[Box<str>]>,
    pub(super) models: Vec<Popularity>,
    pub(super) items: Items,
    pub(super) covisitation: CoVisitation,
    pub(super) sessions: SessionKnn,
    pub(super) baskets: BoughtTogether,
    pub(super) popularity: Popularity,
    pub(super) trending: Trending,
    /// What items are is no state here: it follows from the catalogue.
    pub(super) twins: Twins,
    pub(super) ease: Option<Ease>,
    pub(super) als: Option<Als>,
    pub(super) hosts: Hosts,
    /// What is tried at a place that is kept for it.
    pub(super) explorer: Option<Explorer>,
    /// Who can do what; nothing is known of it where nothing is an attempt.
    pub(super) skills: Skills,
    /// What each counts of those that answer what comes next.
    pub(super) weights: Weights,
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
        let mut models = Models {
            rules: rules(interactions),
            contexts: popularity_contexts.as_slice().into(),
            models: popularity_contexts.iter().map(|name| of_context(popularity, name)).collect(),
            items: Items::new(),
            covisitation: covisitation.clone().check().expect(CHECKED),
            sessions: definition.sessions.clone().check().expect(CHECKED),
            baskets: definition.baskets.clone().check().expect(CHECKED),
            beginnings: 0,
            popularity: popularity.clone().check().expect(CHECKED),
            trending: definition.trending.clone().check().expect(CHECKED),
            twins: definition.cold.clone().check().expect(CHECKED),
            ease: definition.ease.as_ref().map(ease),
            als: definition.als.as_ref().map(als),
            hosts: Hosts::default(),
            explorer: None,
            skills: definition.skill.check().expect(CHECKED),
            weights: Weights::default(),
            definition: definition.clone(),
            learned_since: 0,
            learned: HashMap::default(),
        };
        models.weigh();
        models.explorer = models.new_explorer();
        models
    }

    /// Has the host's recommenders learn beside the others from now on.
    pub(super) fn bring(&mut self, hosts: Hosts) {
        self.hosts = hosts;
        self.weigh();
        self.name_features();
    }

    /// Weighs models as they are to be before anything is learned of it, where others are there than before.
    fn weigh(&mut self) {
        let ease = self.definition.ease.iter().map(|model| model.weight);
        let als = self.definition.als.iter().map(|model| model.weight);
        let hosts = self.hosts.iter().map(|(weight, _)| weight);
        self.weights.begin([1.0, BESIDE].into_iter().chain(ease).chain(als).chain(hosts).collect());
    }

    /// Those that answer beside sessions and co-visitation.
    pub(super) fn beside(&self) -> impl Iterator<Item = &dyn Recommender> {
        let ease = self.ease.iter().map(|model| model as &dyn Recommender);
        let als = self.als.iter().map(|model| model as &dyn Recommender);
        ease.chain(als).chain(self.hosts.iter().map(|(_, model)| model))
    }

    pub(super) fn beside_mut(&mut self) -> impl Iterator<Item = &mut dyn Recommender> {
        let ease = self.ease.iter_mut().map(|model| model as &mut dyn Recommender);
        let als = self.als.iter_mut().map(|model| model as &mut dyn Recommender);
        ease.chain(als).chain(self.hosts.iter_mut())
    }

    /// Does some of the work that is too long for an event.
    pub(crate) fn tick(&mut self, now: Instant) {
        let steps = self.definition.steps;
        for model in self.beside_mut() {
            // Whether there is more to do does not matter: the clock goes on.
            let _ = model.tick(now, steps);
        }
        if let Some(explorer) = &mut self.explorer {
            explorer.pass(now);
        }
    }

    /// The same once more.
    pub(super) fn copied(&self) -> Models {
        Models {
            definition: self.definition.clone(),
            rules: self.rules.clone(),
            contexts: self.contexts.clone(),
            models: self.models.clone(),
            items: self.items.clone(),
            covisitation: self.covisitation.clone(),
            sessions: self.sessions.clone(),
            baskets: self.baskets.clone(),
            popularity: self.popularity.clone(),
            trending: self.trending.clone(),
            twins: self.twins.clone(),
            ease: self.ease.clone(),
            als: self.als.clone(),
            hosts: self.hosts.copied(&self.items),
            explorer: self.explorer.clone(),
            skills: self.skills.clone(),
            weights: self.weights.clone(),
            learned_since: self.learned_since,
            learned: self.learned.clone(),
            beginnings: self.beginnings,
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
        self.rules = rules(interactions);
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
        if old.cold != definition.cold || old.alike_by != definition.alike_by {
            self.twins = self.twins.undescribed(&definition.cold).expect(CHECKED);
        }
        if params(&old.ease) != params(&definition.ease) {
            self.ease = definition.ease.as_ref().map(ease);
        }
        if params(&old.als) != params(&definition.als) {
            self.als = definition.als.as_ref().map(als);
        }
        if old.explore != definition.explore {
            self.explorer = self.new_explorer();
        }
        self.skills.set_params(definition.skill).expect(CHECKED);
        self.weigh();
        self.name_features();
        let is_same = old.popularity == *popularity;
        if !is_same {
            self.popularity = popularity.clone().check().expect(CHECKED);
        }
        let names = std::mem::replace(&mut self.contexts, popularity_contexts.as_slice().into());
        let mut known: HashMap<Box<str>, Popularity, ahash::RandomState> =
            names.iter().cloned().zip(std::mem::take(&mut self.models)).filter(|_| is_same).collect();
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
    /// that day than a person has. False where something was left out for that. Of what the message says was shown, `shown`
    /// is what is known of each where that is learned of.
    pub(super) fn learn(&mut self, user: UserKey, message: &Message, at: Instant, shown: Vec<Row>) -> bool {
        let Some((event, properties)) = message.event() else { return true };
        // What it says is looked at while models learn.
        let Some(rule) = self.rules.get(event).cloned() else { return true };
        let names = self.contexts.clone();
        let contexts: SmallVec<[(&str, &str); 4]> = names
            .iter()
            .filter_map(|name| {
                let value = properties.get_path(name).or_else(|| message.context.get_path(name))?;
                Some((&**name, value.as_str()?))
            })
            .collect();
        if let Some(age) = self.definition.kept_for {
            self.sessions.expire(at - age);
        }
        let mut is_whole = true;
        let mut shown = shown.into_iter();
        let mut learn = |item: &str, weight: f32, outcome: Option<f64>| {
            let row = shown.next().unwrap_or_default();
            let Ok(item) = self.items.intern(item) else { return };
            if self.covisitation.count_of_day(user.0, at) > self.definition.daily_max {
                is_whole = false;
                return;
            }
            let interaction = Interaction::new(user.0, item, at)
                .with_weight(weight)
                .with_action(rule.action)
                .with_context(&contexts);
            self.learn_interaction(&interaction, &row);
            if let Some(outcome) = outcome {
                // It is from 0 to 1, or there would be none.
                let _ = self.skills.learn(user.0, item.number(), outcome, at);
            }
        };
        each_item(&rule, properties, &mut learn);
        is_whole
    }

    /// Calls `each` with every item of a message that is an interaction, its weight, and the rule that says so.
    pub(super) fn each_touched(
        &self,
        message: &Message,
        mut each: impl FnMut(&InteractionDefinition, &str, f32),
    ) {
        if let Some((event, properties)) = message.event()
            && let Some(rule) = self.rules.get(event)
        {
            each_item(rule, properties, &mut |item, weight, _| each(rule, item, weight));
        }
    }

    fn learn_interaction(&mut self, interaction: &Interaction<'_>, row: &[f32]) {
        if interaction.weight() > 0.0 && self.weights.is_time(self.definition.learn_weights) {
            let request = Request::of_user(interaction.user(), interaction.at()).with_limit(NEXT);
            let answers = self.next(&request, &[]);
            self.weights.learn(answers, interaction.item());
        }
        if let Some(explorer) = &mut self.explorer {
            let (user, item, at) = (interaction.user(), interaction.item(), interaction.at());
            if interaction.action() == Action::Shown {
                explorer.shown(user, item, row, at);
            } else if interaction.weight() > 0.0 {
                explorer.chosen(user, item, at);
            }
        }
        self.sessions.learn(interaction);
        self.covisitation.learn(interaction);
        self.baskets.learn(interaction);
        self.popularity.learn(interaction);
        self.trending.learn(interaction);
        self.twins.learn(interaction);
        self.beside_mut().for_each(|model| model.learn(interaction));
        self.models.iter_mut().for_each(|model| model.learn(interaction));
    }

    pub(super) fn learned_in_order(&self) -> Vec<(u32, Learned)> {
        let mut learned: Vec<_> = self.learned.iter().map(|(user, learned)| (user.0, *learned)).collect();
        learned.sort_unstable_by_key(|(user, _)| *user);
        learned
    }

    pub(crate) fn state(&self) -> impl Serialize + '_ {
        let learned = (self.learned_since, self.learned_in_order());
        let mut explored = Vec::new();
        self.explorer.iter().for_each(|explorer| explorer.checkpoint(&mut explored));
        let mut skills = Vec::new();
        self.skills.checkpoint(&mut skills);
        let bytes = |model: &dyn Recommender| {
            let mut bytes = Vec::new();
            model.checkpoint(&mut bytes);
            bytes
        };
        let beside: Vec<Vec<u8>> = self.beside().map(bytes).collect();
        (
            &self.items,
            bytes(&self.sessions),
            bytes(&self.twins),
            (beside, &self.weights, explored, skills),
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

/// Calls `each` with the items of an event that is an interaction, their weights, and how far the user came with them.
fn each_item(
    rule: &InteractionDefinition,
    properties: &Object,
    each: &mut impl FnMut(&str, f32, Option<f64>),
) {
    let mut of = |object: &Object| {
        let grade = rule.grade.as_ref().and_then(|grade| object.get_path(&grade.property));
        let weight = rule.weighed(grade.unwrap_or(&Value::Null));
        let items = object.get_path(&rule.item).into_iter();
        let outcome = rule.outcome.as_ref().and_then(|outcome| outcome.of(object));
        items.for_each(|value| each_text(value, &mut |item| each(item, weight, outcome)));
    };
    match &rule.list {
        None => of(properties),
        Some(list) => {
            let Some(Value::List(lines)) = properties.get_path(list) else { return };
            for line in lines {
                if let Value::Object(line) = line {
                    of(line);
                }
            }
        }
    }
}

fn rules(interactions: &[InteractionDefinition]) -> Rules {
    interactions.iter().map(|rule| (rule.event.clone(), Arc::new(rule.clone()))).collect()
}

/// The parameters of a model that definitions may ask for.
fn params<P>(model: &Option<Weighted<P>>) -> Option<&P> {
    model.as_ref().map(|model| &model.params)
}

fn ease(model: &Weighted<EaseParams>) -> Ease {
    model.params.clone().check().expect(CHECKED)
}

fn als(model: &Weighted<AlsParams>) -> Als {
    model.params.clone().check().expect(CHECKED)
}

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
