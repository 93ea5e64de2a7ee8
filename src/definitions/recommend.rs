//! `[recommend]`: which events are interactions with items, and how the recommenders are set.

use crate::definitions::Settings;
use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::Names;
use crate::model::{Duration, Quoted};
use crate::recommend::{
    Action, BoughtTogether, BoughtTogetherParams, CoVisitation, CoVisitationParams, Error, Popularity,
    PopularityParams, SessionKnn, SessionKnnParams, Trending, TrendingParams, Twins, TwinsParams, WEIGHT_MAX,
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
    /// How long interactions are kept with their users, so that queries can ask for them.
    pub(crate) remember: Option<Duration>,
    /// How long what users did may be kept, where that has an end.
    pub(crate) kept_for: Option<Duration>,
    /// How many interactions of a user are learned on one day.
    pub(crate) daily_max: u32,
}

impl RecommendDefinition {
    /// What profiles have to keep of events.
    pub(crate) fn remembered(&self) -> Vec<Remembered> {
        let Some(age) = self.remember else { return Vec::new() };
        let kept = |interaction: &InteractionDefinition| {
            let InteractionDefinition { event, list, item, .. } = interaction;
            let outer = if list.is_some() { "event." } else { "" };
            let contexts = self.popularity_contexts.iter();
            let contexts =
                contexts.flat_map(|name| [format!("{outer}{name}").into(), format!("context.{name}").into()]);
            let properties = std::iter::once(item.clone()).chain(contexts).collect();
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
    pub(crate) action: Action,
}

const ACTIONS: [(&str, Action); 11] = [
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
];
/// How many sessions are kept unless definitions say otherwise: eight megabytes of them.
const SESSIONS: usize = 1 << 17;
/// What a bot sends on a day may not own the models; more than a person does.
const DAILY_MAX: u32 = 500;
/// What `CoVisitationParams::check` allows.
const NEIGHBOURS_MAX: i64 = 10_000;
/// Pairs that fewer users stand behind are not recommended, unless definitions say otherwise.
const K_MIN: usize = 10;
const K_MIN_MAX: i64 = 20;
/// What `TwinsParams::check` allows.
const TWINS_MAX: i64 = 100;
/// Each part of the context is a model of its own.
const CONTEXTS_MAX: usize = 8;

pub(super) fn read(root: &mut Table<'_>, settings: &Settings, names: &Names) -> RecommendDefinition {
    let mut definition = RecommendDefinition {
        interactions: Vec::new(),
        popularity: Popularity::params(),
        popularity_contexts: Vec::new(),
        covisitation: CoVisitation::params().session_gap(settings.session_gap).k_min(K_MIN),
        sessions: SessionKnn::params().session_gap(settings.session_gap).sessions(SESSIONS).k_min(K_MIN),
        trending: Trending::params().k_min(K_MIN),
        baskets: BoughtTogether::params().k_min(K_MIN),
        cold: Twins::params(),
        alike_by: None,
        remember: None,
        kept_for: None,
        daily_max: DAILY_MAX,
    };
    // An interaction that does, where there is one.
    let mut speaks_against = None;
    let Some(mut table) = root.get("recommend").and_then(|node| node.table()) else { return definition };
    if let Some(interactions) = table.require("interactions").and_then(|node| node.table()) {
        for node in interactions.nodes() {
            let Some(interaction) = read_interaction(node, names) else { continue };
            if interaction.weight < 0.0 && speaks_against.is_none() {
                speaks_against = Some(*node);
            }
            definition.interactions.push(interaction);
        }
    }
    if let Some(node) = table.get("popularity") {
        read_popularity(&node, &mut definition, names);
    }
    if let Some(node) = table.get("covisitation") {
        read_covisitation(&node, &mut definition);
    }
    let ages = definition.interactions.iter().filter_map(|i| names.schema.retention.event(&i.event));
    definition.kept_for = ages.min();
    // Where they are told apart, what is bought is not like what is looked at.
    let is_bought = |interaction: &InteractionDefinition| interaction.action == Action::Bought;
    let differs = definition.interactions.iter().any(is_bought)
        && !definition.interactions.iter().all(|i| is_bought(i) || i.weight <= 0.0);
    definition.covisitation = definition.covisitation.clone().skip_bought(differs);
    if let Some(node) = table.get("sessions") {
        read_sessions(&node, &mut definition.sessions);
    }
    if let Some(node) = table.get("trending") {
        read_trending(&node, &mut definition.trending);
    }
    if let Some(node) = table.get("baskets") {
        read_baskets(&node, &mut definition.baskets);
    }
    if let Some(node) = table.get("cold") {
        read_cold(&node, &mut definition, names);
    }
    if let Some(node) = table.get("k_min") {
        let users = node.integer_in(1, K_MIN_MAX).map(|users| users as usize);
        let params = &mut definition.covisitation;
        tune(params, &node, users, CoVisitationParams::k_min, CoVisitationParams::check);
        let params = &mut definition.sessions;
        tune(params, &node, users, SessionKnnParams::k_min, SessionKnnParams::check);
        let params = &mut definition.trending;
        tune(params, &node, users, TrendingParams::k_min, TrendingParams::check);
        let params = &mut definition.baskets;
        tune(params, &node, users, BoughtTogetherParams::k_min, BoughtTogetherParams::check);
    }
    if let Some(node) = table.get("daily_max") {
        let max = node.integer_in(1, i64::from(u16::MAX)).map(|max| max as u32);
        definition.daily_max = max.unwrap_or(DAILY_MAX);
    }
    if let Some(node) = table.get("remember") {
        definition.remember = node.duration_from(Duration::hours(1));
    }
    if let Some(node) = speaks_against.filter(|_| definition.remember.is_none()) {
        let help = "say how long a no holds: `remember = \"90d\"` in [recommend]";
        node.error_help("what speaks against an item has to be remembered", help);
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
        if is_known { read_item(&item, event, path, names) } else { Some((None, path.into())) }
    });
    let weight = table.get("weight").map_or(Some(1.0), |node| {
        let weight = node.number()?;
        let most = f64::from(WEIGHT_MAX);
        if !(-most..=most).contains(&weight) {
            let message =
                format!("a weight of {weight} is out of range: at least -{most} and at most {most}");
            node.error_help(message, "what speaks against an item has a weight below 0");
            return None;
        }
        Some(weight)
    });
    let action = match table.get("action") {
        Some(action) => action.choice("action", &ACTIONS),
        None => Some(Action::default()),
    };
    table.finish();
    let (list, item) = item?;
    Some(InteractionDefinition { event: event.into(), list, item, weight: weight? as f32, action: action? })
}

/// Resolves `sku` and `products.sku`: the list, if any, and the property.
fn read_item(
    node: &Node<'_>,
    event: &str,
    path: &str,
    names: &Names,
) -> Option<(Option<Box<str>>, Box<str>)> {
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
            let help = format!("name the field that is the item's id: `{path}.…`");
            node.error_help(format!("{} is a list of objects", Quoted(path)), help);
            return None;
        }
        None => names.check_property(node, event, path),
    };
    if let Some(Kind::Bool | Kind::Instant | Kind::Geo | Kind::List) = kind {
        node.error("the id of an item is a string or a number");
        return None;
    }
    Some(match in_list {
        Some((list, field, _)) => (Some(list.into()), field.into()),
        None => (None, path.into()),
    })
}

fn read_popularity(node: &Node<'_>, definition: &mut RecommendDefinition, names: &Names) {
    let Some(mut table) = node.table() else { return };
    let params = &mut definition.popularity;
    if let Some(node) = table.get("half_life") {
        tune(params, &node, node.duration(), PopularityParams::half_life, PopularityParams::check);
    }
    if let Some(node) = table.get("kappa") {
        tune(params, &node, node.number(), PopularityParams::kappa, PopularityParams::check);
    }
    if let Some(contexts) = table.get("context") {
        let list = contexts.list().unwrap_or_default();
        if list.len() > CONTEXTS_MAX {
            contexts.error(format!("at most {CONTEXTS_MAX} parts of the context can be counted by"));
        }
        for item in list {
            match item.name() {
                Some(name) if definition.popularity_contexts.iter().any(|known| **known == *name) => {
                    item.error(format!("{} is named twice", Quoted(name)));
                }
                Some(name) => {
                    names.schema.events.keys().for_each(|event| names.check_shown(&item, event, name));
                    definition.popularity_contexts.push(name.into());
                }
                None => {}
            }
        }
    }
    table.finish();
}

fn read_covisitation(node: &Node<'_>, definition: &mut RecommendDefinition) {
    let Some(mut table) = node.table() else { return };
    let params = &mut definition.covisitation;
    let check = CoVisitationParams::check;
    if let Some(node) = table.get("half_life") {
        tune(params, &node, node.duration(), CoVisitationParams::half_life, check);
    }
    if let Some(node) = table.get("session_gap") {
        tune(params, &node, node.duration(), CoVisitationParams::session_gap, check);
    }
    if let Some(node) = table.get("neighbours") {
        let neighbours = node.integer_in(1, NEIGHBOURS_MAX).map(|number| number as usize);
        tune(params, &node, neighbours, CoVisitationParams::neighbours, check);
    }
    if let Some(node) = table.get("back") {
        tune(params, &node, node.number(), CoVisitationParams::back, check);
    }
    if let Some(node) = table.get("position_decay") {
        tune(params, &node, node.number(), CoVisitationParams::position_decay, check);
    }
    table.finish();
}

fn read_sessions(node: &Node<'_>, params: &mut SessionKnnParams) {
    let Some(mut table) = node.table() else { return };
    let check = SessionKnnParams::check;
    if let Some(node) = table.get("half_life") {
        tune(params, &node, node.duration(), SessionKnnParams::half_life, check);
    }
    if let Some(node) = table.get("session_gap") {
        tune(params, &node, node.duration(), SessionKnnParams::session_gap, check);
    }
    if let Some(node) = table.get("kept") {
        let sessions = node.integer_in(1, 1 << 26).map(|sessions| sessions as usize);
        tune(params, &node, sessions, SessionKnnParams::sessions, check);
    }
    if let Some(node) = table.get("neighbours") {
        let neighbours = node.integer_in(1, NEIGHBOURS_MAX).map(|number| number as usize);
        tune(params, &node, neighbours, SessionKnnParams::neighbours, check);
    }
    if let Some(node) = table.get("rarity") {
        tune(params, &node, node.number(), SessionKnnParams::rarity, check);
    }
    table.finish();
}

fn read_trending(node: &Node<'_>, params: &mut TrendingParams) {
    let Some(mut table) = node.table() else { return };
    let check = TrendingParams::check;
    // The longer one first: each is checked beside the other.
    if let Some(node) = table.get("half_life_slow") {
        tune(params, &node, node.duration(), TrendingParams::half_life_slow, check);
    }
    if let Some(node) = table.get("half_life") {
        tune(params, &node, node.duration(), TrendingParams::half_life, check);
    }
    if let Some(node) = table.get("prior") {
        tune(params, &node, node.number(), TrendingParams::prior, check);
    }
    table.finish();
}

fn read_baskets(node: &Node<'_>, params: &mut BoughtTogetherParams) {
    let Some(mut table) = node.table() else { return };
    let check = BoughtTogetherParams::check;
    if let Some(node) = table.get("half_life") {
        tune(params, &node, node.duration(), BoughtTogetherParams::half_life, check);
    }
    if let Some(node) = table.get("gap") {
        tune(params, &node, node.duration(), BoughtTogetherParams::basket_gap, check);
    }
    if let Some(node) = table.get("neighbours") {
        let neighbours = node.integer_in(1, NEIGHBOURS_MAX).map(|number| number as usize);
        tune(params, &node, neighbours, BoughtTogetherParams::neighbours, check);
    }
    if let Some(node) = table.get("pairs_min") {
        tune(params, &node, node.number(), BoughtTogetherParams::pairs_min, check);
    }
    if let Some(node) = table.get("lift") {
        tune(params, &node, node.number(), BoughtTogetherParams::lift, check);
    }
    table.finish();
}

fn read_cold(node: &Node<'_>, definition: &mut RecommendDefinition, names: &Names) {
    let Some(mut table) = node.table() else { return };
    let params = &mut definition.cold;
    if let Some(node) = table.get("kappa") {
        tune(params, &node, node.number(), TwinsParams::kappa, TwinsParams::check);
    }
    if let Some(node) = table.get("twins") {
        let twins = node.integer_in(1, TWINS_MAX).map(|number| number as usize);
        tune(params, &node, twins, TwinsParams::twins, TwinsParams::check);
    }
    if let Some(attributes) = table.get("attributes") {
        let known = |node: &Node<'_>| {
            let name = node.name()?;
            match names.schema.items.slot(name) {
                Some((_, Kind::String | Kind::List)) => return Some(name.into()),
                Some(_) => node.error_help("items are alike by strings and lists", "leave it out"),
                None => {
                    let help = Some("declare it under [catalogue]".to_owned());
                    node.unknown("attribute of items", name, names.schema.items.names(), help);
                }
            }
            None
        };
        let list = attributes.list().unwrap_or_default();
        definition.alike_by = Some(list.iter().filter_map(known).collect());
    }
    table.finish();
}

/// Takes a parameter over, or says at its place that it is out of range.
fn tune<P: Clone, T, R>(
    params: &mut P,
    node: &Node<'_>,
    value: Option<T>,
    set: impl FnOnce(P, T) -> P,
    check: impl FnOnce(P) -> Result<R, Error>,
) {
    let Some(value) = value else { return };
    let tuned = set(params.clone(), value);
    match check(tuned.clone()) {
        Ok(_) => *params = tuned,
        Err(error) => node.error(error.to_string()),
    }
}
