//! `[recommend]`: which events are interactions with items, and how the recommenders are set.

use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::Names;
use crate::definitions::{Settings, recommenders};
use crate::model::{Duration, Object, Quoted, Value};
use crate::predict::{Skills, SkillsParams};
use crate::recommend::{
    Action, AlsParams, BoughtTogether, BoughtTogetherParams, CoVisitation, CoVisitationParams, EaseParams,
    Popularity, PopularityParams, SessionKnn, SessionKnnParams, Trending, TrendingParams, Twins, TwinsParams,
    WEIGHT_MAX,
};
use crate::segment::{Kind, Remembered};

/// What `[recommend]` says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecommendDefinition {
    /// In the order of the text.
    pub(crate) interactions: Vec<InteractionDefinition>,
    /// Checked; without a context.
    pub(crate) popularity: PopularityParams,
    /// The parts of the context that popularity is also counted by.
    pub(crate) popularity_contexts: Vec<Box<str>>,
    /// Checked.
    pub(crate) covisitation: CoVisitationParams,
    /// Checked.
    pub(crate) sessions: SessionKnnParams,
    /// Checked; without a context.
    pub(crate) trending: TrendingParams,
    /// Checked.
    pub(crate) baskets: BoughtTogetherParams,
    /// Checked. How items that hardly anybody touched are recommended.
    pub(crate) cold: TwinsParams,
    /// By which attributes of the catalogue items are alike; where nothing is said, by all that are texts or lists.
    pub(crate) alike_by: Option<Vec<Box<str>>>,
    /// What users who like these items like too; checked.
    pub(crate) ease: Option<Weighted<EaseParams>>,
    /// What a user likes at all; checked.
    pub(crate) als: Option<Weighted<AlsParams>>,
    /// Within how long what was shown may be chosen, and what that counts after a while; where anything is said to be shown.
    pub(crate) explore: Option<(Duration, Duration)>,
    /// By which expressions about items what is chosen of what is shown is learned, where the order of what comes next follows
    /// that.
    pub(crate) rerank: Option<Vec<Box<str>>>,
    /// How skill and difficulty are learned of what is an attempt; checked.
    pub(crate) skill: SkillsParams,
    /// The attribute of the catalogue that says how difficult an item is, before anybody has tried it.
    pub(crate) difficulty: Option<Grade>,
    /// Of how many interactions one is predicted, for the weights of the models to learn from; 0 for none.
    pub(crate) learn_weights: u64,
    /// How many steps of their longer work models do whenever the host moves the clock.
    pub(crate) steps: usize,
    /// How long interactions are kept with their users, so that queries can ask for them.
    pub(crate) remember: Option<Duration>,
    /// How long what users did may be kept, where that has an end.
    pub(crate) kept_for: Option<Duration>,
    /// How many interactions of a user are learned on one day.
    pub(crate) daily_max: u32,
}

/// A model that is there where definitions ask for it, and what it counts beside sessions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighted<P> {
    pub(crate) weight: f64,
    pub(crate) params: P,
}

impl RecommendDefinition {
    /// How many users have to stand behind what is recommended, for all models.
    pub(super) fn set_k_min(&mut self, users: usize) {
        self.covisitation = self.covisitation.clone().k_min(users);
        self.sessions = self.sessions.clone().k_min(users);
        self.trending = self.trending.clone().k_min(users);
        self.baskets = self.baskets.clone().k_min(users);
        if let Some(model) = &mut self.ease {
            model.params = model.params.clone().k_min(users);
        }
        if let Some(model) = &mut self.als {
            model.params = model.params.clone().k_min(users);
        }
    }

    /// Whether any interaction is an attempt.
    pub(crate) fn has_attempts(&self) -> bool {
        self.interactions.iter().any(|interaction| interaction.outcome.is_some())
    }

    /// What profiles have to keep of events.
    pub(crate) fn remembered(&self) -> Vec<Remembered> {
        let Some(age) = self.remember else { return Vec::new() };
        let kept = |interaction: &InteractionDefinition| {
            let InteractionDefinition { event, list, item, grade, .. } = interaction;
            let outer = if list.is_some() { "event." } else { "" };
            let contexts = self.popularity_contexts.iter();
            let contexts =
                contexts.flat_map(|name| [format!("{outer}{name}").into(), format!("context.{name}").into()]);
            let grade = grade.as_ref().map(|grade| grade.property.clone());
            let properties = std::iter::once(item.clone()).chain(grade).chain(contexts).collect();
            Remembered { event: event.clone(), list: list.clone(), properties, age }
        };
        self.interactions.iter().map(kept).collect()
    }
}

/// An event that is an interaction with an item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InteractionDefinition {
    pub(crate) event: Box<str>,
    /// The property that is a list of objects, where each of them has an item.
    pub(crate) list: Option<Box<str>>,
    /// The property, or the field of each object, that is the item's id.
    pub(crate) item: Box<str>,
    pub(crate) weight: f32,
    /// How much of its weight it has.
    pub(crate) grade: Option<Grade>,
    pub(crate) action: Action,
    /// How far the user came with it, where it is an attempt.
    pub(crate) outcome: Option<Outcome>,
}

/// How far a user came with an item: from 0, failed or given up, to 1, done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// As the event itself says.
    Always(f64),
    /// As a number of it says, in proportion, or whether something is true.
    Of(Grade),
}

impl Outcome {
    /// The outcome by the event, or the object of a list, that the item is in; none where it does not say.
    pub(crate) fn of(&self, object: &Object) -> Option<f64> {
        match self {
            Outcome::Always(outcome) => Some(*outcome),
            Outcome::Of(grade) => grade.share(object.get_path(&grade.property)?),
        }
    }
}

impl InteractionDefinition {
    /// What it weighs, by the value of the property that grades it.
    pub(crate) fn weighed(&self, grade: &Value) -> f32 {
        let share = self.grade.as_ref().and_then(|own| own.share(grade));
        share.map_or(self.weight, |share| (f64::from(self.weight) * share) as f32)
    }
}

/// A number of the event, such as seconds looked at or the part that was scrolled through, which says how much an
/// interaction counts: nothing up to `from`, all of it from `full` on, and in proportion between. An event without it
/// counts fully.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grade {
    /// A property, or a field of each object where the item is one.
    pub(crate) property: Box<str>,
    pub(crate) from: f64,
    pub(crate) full: f64,
}

impl Grade {
    /// How much of it a value is, from 0 to 1; nothing of what is false, and all of what is true. None of what is neither.
    pub(crate) fn share(&self, value: &Value) -> Option<f64> {
        if let Value::Bool(truth) = value {
            return Some(f64::from(u8::from(*truth)));
        }
        let value = value.as_f64().filter(|value| value.is_finite())?;
        Some(((value - self.from) / (self.full - self.from)).clamp(0.0, 1.0))
    }
}

const ACTIONS: [(&str, Action); 12] = [
    ("viewed", Action::Viewed),
    ("liked", Action::Liked),
    ("saved", Action::Saved),
    ("added", Action::Added),
    ("bought", Action::Bought),
    ("played", Action::Played),
    ("finished", Action::Finished),
    ("chose", Action::Chose),
    ("dismissed", Action::Dismissed),
    ("returned", Action::Returned),
    ("skipped", Action::Skipped),
    ("shown", Action::Shown),
];
/// How many sessions are kept unless definitions say otherwise: eight megabytes of them.
const SESSIONS: usize = 1 << 17;
/// What a bot sends on a day may not own the models; more than a person does.
const DAILY_MAX: u32 = 500;
/// Pairs that fewer users stand behind are not recommended, unless definitions say otherwise.
pub(super) const K_MIN: usize = 10;
/// Some milliseconds of work: rows of vectors that are solved for.
const STEPS: usize = 50;
/// Within which most choose what they will choose at all.
const WINDOW: Duration = Duration::hours(1);
const FADES: Duration = Duration::days(30);
const STEPS_MAX: i64 = 100_000;
const LEARN_WEIGHTS_MAX: i64 = 1_000_000;

pub(super) fn read(root: &mut Table<'_>, settings: &Settings, names: &Names) -> RecommendDefinition {
    let mut definition = RecommendDefinition {
        interactions: Vec::new(),
        popularity: Popularity::params(),
        popularity_contexts: Vec::new(),
        covisitation: CoVisitation::params().session_gap(settings.session_gap),
        sessions: SessionKnn::params().session_gap(settings.session_gap).sessions(SESSIONS),
        trending: Trending::params(),
        baskets: BoughtTogether::params(),
        cold: Twins::params(),
        alike_by: None,
        ease: None,
        als: None,
        explore: None,
        rerank: None,
        skill: Skills::params(),
        difficulty: None,
        learn_weights: 0,
        steps: STEPS,
        remember: None,
        kept_for: None,
        daily_max: DAILY_MAX,
    };
    definition.set_k_min(K_MIN);
    // Interactions that do, or are, where there are some.
    let (mut speaks_against, mut is_shown) = (None, None);
    let Some(mut table) = root.get("recommend").and_then(|node| node.table()) else { return definition };
    if let Some(interactions) = table.require("interactions").and_then(|node| node.table()) {
        for node in interactions.nodes() {
            let Some(interaction) = read_interaction(node, names) else { continue };
            if interaction.weight < 0.0 && speaks_against.is_none() {
                speaks_against = Some(*node);
            }
            if interaction.action == Action::Shown && is_shown.is_none() {
                is_shown = Some(*node);
            }
            definition.interactions.push(interaction);
        }
    }
    let ages = definition.interactions.iter().filter_map(|i| names.schema.retention.event(&i.event));
    definition.kept_for = ages.min();
    // Where they are told apart, what is bought is not like what is looked at.
    let is_bought = |interaction: &InteractionDefinition| interaction.action == Action::Bought;
    let differs = definition.interactions.iter().any(is_bought)
        && !definition.interactions.iter().all(|i| is_bought(i) || i.weight <= 0.0);
    definition.covisitation = definition.covisitation.clone().skip_bought(differs);
    recommenders::read(&mut table, &mut definition, names);
    if let Some(node) = table.get("daily_max") {
        let max = node.integer_in(1, i64::from(u16::MAX)).map(|max| max as u32);
        definition.daily_max = max.unwrap_or(DAILY_MAX);
    }
    if let Some(node) = table.get("learn_weights") {
        definition.learn_weights = node.integer_in(0, LEARN_WEIGHTS_MAX).map_or(0, |every| every as u64);
    }
    if let Some(node) = table.get("steps") {
        definition.steps = node.integer_in(1, STEPS_MAX).map_or(STEPS, |steps| steps as usize);
    }
    if let Some(node) = table.get("remember") {
        definition.remember = node.duration_from(Duration::hours(1));
    }
    if let Some(node) = speaks_against.filter(|_| definition.remember.is_none()) {
        let help = "say how long a no holds: `remember = \"90d\"` in [recommend]";
        node.error_help("what speaks against an item has to be remembered", help);
    }
    if is_shown.is_some() {
        definition.explore = Some((WINDOW, FADES));
    }
    recommenders::read_explore(&mut table, &mut definition.explore);
    recommenders::read_skill(&mut table, &mut definition, names);
    definition.rerank = recommenders::read_rerank(&mut table, is_shown.is_some());
    if let Some(node) = is_shown.filter(|_| definition.remember.is_none()) {
        let help = "say how long it counts: `remember = \"30d\"` in [recommend]";
        node.error_help("what was shown has to be remembered", help);
    }
    table.finish();
    definition
}

/// `purchase = { item = "products.sku", weight = 5.0, action = "bought" }`
fn read_interaction(node: &Node<'_>, names: &Names) -> Option<InteractionDefinition> {
    if !node.is_named() {
        return None;
    }
    let event = node.key;
    let is_known = names.check_host_event(node, event, node.key_span);
    let mut table = node.table()?;
    let item = table.require("item").and_then(|item| {
        let path = item.name()?;
        if !is_known {
            return Some((None, path.into()));
        }
        let (list, property, kind) = read_path(&item, event, path, "that is the item's id", names)?;
        if let Some(Kind::Bool | Kind::Instant | Kind::Geo) = kind {
            item.error("the id of an item is a string or a number, or there is a list of them");
            return None;
        }
        Some((list, property))
    });
    let action = match table.get("action") {
        Some(action) => action.choice("action", &ACTIONS),
        None => Some(Action::default()),
    };
    let weight = match table.get("weight") {
        Some(node) => read_weight(&node, action),
        None => Some(if action == Some(Action::Shown) { 0.0 } else { 1.0 }),
    };
    let grade = match table.get("grade") {
        Some(node) => Some(read_grade(&node, event, item.as_ref()?.0.as_deref(), is_known.then_some(names))?),
        None => None,
    };
    let outcome = match table.get("outcome") {
        Some(node) => {
            Some(read_outcome(&node, event, item.as_ref()?.0.as_deref(), is_known.then_some(names))?)
        }
        None => None,
    };
    table.finish();
    let (list, item) = item?;
    Some(InteractionDefinition {
        event: event.into(),
        list,
        item,
        weight: weight? as f32,
        grade,
        action: action?,
        outcome,
    })
}

/// `outcome = 1`, `outcome = "done"`, `outcome = { property = "minutes", full = 30 }`
fn read_outcome(node: &Node<'_>, event: &str, list: Option<&str>, names: Option<&Names>) -> Option<Outcome> {
    if node.is_table() {
        return read_grade(node, event, list, names).map(Outcome::Of);
    }
    if !node.is_text() {
        let outcome = node.number()?;
        if !(0.0..=1.0).contains(&outcome) {
            let help = "write 1 for what is done, 0 for what is given up, and how far the user came between";
            node.error_help(format!("an outcome of {outcome} is out of range: from 0 to 1"), help);
            return None;
        }
        return Some(Outcome::Always(outcome));
    }
    let is_graded = |kind| matches!(kind, Kind::Number | Kind::Bool);
    let wanted = "an outcome is a number from 0 to 1, or whether it is true that it was done";
    let property = read_measure(node, event, list, names, is_graded, wanted)?;
    Some(Outcome::Of(Grade { property, from: 0.0, full: 1.0 }))
}

/// A property that is beside the item, and of a kind.
fn read_measure(
    node: &Node<'_>,
    event: &str,
    list: Option<&str>,
    names: Option<&Names>,
    fits: impl Fn(Kind) -> bool,
    wanted: &str,
) -> Option<Box<str>> {
    let path = node.name()?;
    let Some(names) = names else { return Some(path.into()) };
    let (of, property, kind) = read_path(node, event, path, "that is the number", names)?;
    if kind.is_some_and(|kind| !fits(kind)) {
        node.error(wanted);
        return None;
    }
    if of.as_deref() != list {
        let help = match list {
            Some(list) => format!("name a field beside the item: `{list}.…`"),
            None => "name a property of the event".into(),
        };
        node.error_help("each item needs a number of its own", help);
        return None;
    }
    Some(property)
}

fn read_weight(node: &Node<'_>, action: Option<Action>) -> Option<f64> {
    let weight = node.number()?;
    let most = f64::from(WEIGHT_MAX);
    if !(-most..=most).contains(&weight) {
        let message = format!("a weight of {weight} is out of range: at least -{most} and at most {most}");
        node.error_help(message, "what speaks against an item has a weight below 0");
        return None;
    }
    if action == Some(Action::Shown) && weight != 0.0 {
        let help = "leave the weight out; what the user does with it has an event of its own";
        node.error_help("that something was shown says nothing of it", help);
        return None;
    }
    Some(weight)
}

/// `grade = { property = "seconds", from = 3, full = 60 }`
fn read_grade(node: &Node<'_>, event: &str, list: Option<&str>, names: Option<&Names>) -> Option<Grade> {
    let mut table = node.table()?;
    let wanted = "what grades an interaction is a number";
    let is_number = |kind| kind == Kind::Number;
    let property =
        table.require("property").and_then(|node| read_measure(&node, event, list, names, is_number, wanted));
    let range = read_range(&mut table, "from there on an interaction counts fully");
    table.finish();
    let (from, full) = range?;
    Some(Grade { property: property?, from, full })
}

/// `from`, which is 0 unless it is given, and `full`, which is above it.
pub(super) fn read_range(table: &mut Table<'_>, help: &str) -> Option<(f64, f64)> {
    let finite = |node: Node<'_>| {
        let number = node.number()?;
        if !number.is_finite() {
            node.error_help("it has to be a finite number", help);
        }
        number.is_finite().then_some(number)
    };
    let from = table.get("from").map_or(Some(0.0), finite);
    let full = table.require("full").and_then(|node| {
        let full = finite(node)?;
        if from.is_some_and(|from| full <= from) {
            node.error_help("it has to be above `from`", help);
            return None;
        }
        Some(full)
    });
    Some((from?, full?))
}

/// The list, if any, the property or field, and its kind if that is known.
type Path = (Option<Box<str>>, Box<str>, Option<Kind>);

/// Resolves `sku` and `products.sku`: the list, if any, the property, and its kind if that is known.
fn read_path(node: &Node<'_>, event: &str, path: &str, what: &str, names: &Names) -> Option<Path> {
    let lists = names.schema.events.get(event).map(|event| &event.lists);
    let in_list = path.match_indices('.').find_map(|(dot, _)| {
        let fields = lists?.get(&path[..dot])?;
        Some((&path[..dot], &path[dot + 1..], fields))
    });
    let kind = match in_list {
        Some((_, field, fields)) => {
            let kind = fields.get(field).copied();
            if kind.is_none() && names.is_sound {
                let names = fields.keys().map(|name| &**name);
                node.unknown("field", field, names, None);
                return None;
            }
            kind
        }
        None if lists.is_some_and(|lists| lists.contains_key(path)) => {
            let help = format!("name the field {what}: `{path}.…`");
            node.error_help(format!("{} is a list of objects", Quoted(path)), help);
            return None;
        }
        None => names.check_property(node, event, path),
    };
    Some(match in_list {
        Some((list, field, _)) => (Some(list.into()), field.into(), kind),
        None => (None, path.into(), kind),
    })
}
