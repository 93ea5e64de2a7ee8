//! How each recommender is set: the tables of `[recommend]` that bear a model's name.

use crate::definitions::reader::{Node, Table};
use crate::definitions::recommend::{Grade, K_MIN, RecommendDefinition, Weighted, read_range};
use crate::definitions::schema::Names;
use crate::model::{Duration, Quoted};
use crate::predict::SkillsParams;
use crate::recommend::{
    Als, AlsParams, BoughtTogetherParams, CoVisitationParams, Ease, EaseParams, Explorer, PopularityParams,
    SessionKnnParams, TrendingParams, TwinsParams,
};
use crate::segment::Kind;
use std::fmt;

/// More of anything is refused by the models' own checks.
const COUNT_MAX: i64 = 1 << 26;
const K_MIN_MAX: i64 = 20;
/// Each part of the context is a model of its own.
const CONTEXTS_MAX: usize = 8;
/// What long-term taste counts beside sessions.
const TASTE: f64 = 0.3;
const WEIGHT_MAX: f64 = 1_000.0;
/// As many as a query may have conditions on items.
const FEATURES_MAX: usize = 16;
const SAY_SHOWN: &str = "name the event by which you tell that an item was shown: `action = \"shown\"`";

/// A table in which each key sets a parameter of a model; one that is out of range is an error at its place.
struct Parameters<'d, 'p, P, R, E> {
    table: Table<'d>,
    params: &'p mut P,
    check: fn(P) -> Result<R, E>,
}

impl<'d, 'p, P: Clone, R, E: fmt::Display> Parameters<'d, 'p, P, R, E> {
    /// None where there is no such table.
    fn of(
        of: &mut Table<'d>,
        key: &'static str,
        params: &'p mut P,
        check: fn(P) -> Result<R, E>,
    ) -> Option<Parameters<'d, 'p, P, R, E>> {
        Some(Parameters { table: of.get(key)?.table()?, params, check })
    }

    fn duration(&mut self, key: &'static str, set: fn(P, Duration) -> P) {
        self.read(key, |node| node.duration(), set);
    }

    fn number(&mut self, key: &'static str, set: fn(P, f64) -> P) {
        self.read(key, |node| node.number(), set);
    }

    fn count(&mut self, key: &'static str, set: fn(P, usize) -> P) {
        self.read(key, |node| node.integer_in(0, COUNT_MAX).map(|count| count as usize), set);
    }

    fn read<T>(&mut self, key: &'static str, read: impl FnOnce(&Node<'d>) -> Option<T>, set: fn(P, T) -> P) {
        if let Some(node) = self.table.get(key) {
            tune(self.params, &node, read(&node), set, self.check);
        }
    }
}

/// Takes a parameter over, or says at its place that it is out of range.
fn tune<P: Clone, T, R, E: fmt::Display>(
    params: &mut P,
    node: &Node<'_>,
    value: Option<T>,
    set: impl FnOnce(P, T) -> P,
    check: impl FnOnce(P) -> Result<R, E>,
) {
    let Some(value) = value else { return };
    let tuned = set(params.clone(), value);
    match check(tuned.clone()) {
        Ok(_) => *params = tuned,
        Err(error) => node.error(error.to_string()),
    }
}

/// Reads the tables of all models.
pub(super) fn read(table: &mut Table<'_>, definition: &mut RecommendDefinition, names: &Names) {
    read_popularity(table, definition, names);
    read_covisitation(table, &mut definition.covisitation);
    read_sessions(table, &mut definition.sessions);
    read_trending(table, &mut definition.trending);
    read_baskets(table, &mut definition.baskets);
    read_cold(table, definition, names);
    read_ease(table, &mut definition.ease);
    read_als(table, &mut definition.als);
    read_k_min(table, definition);
}

fn read_popularity(table: &mut Table<'_>, definition: &mut RecommendDefinition, names: &Names) {
    let RecommendDefinition { popularity, popularity_contexts, .. } = definition;
    let Some(mut read) = Parameters::of(table, "popularity", popularity, PopularityParams::check) else {
        return;
    };
    read.duration("half_life", PopularityParams::half_life);
    read.number("kappa", PopularityParams::kappa);
    if let Some(contexts) = read.table.get("context") {
        let list = contexts.list().unwrap_or_default();
        if list.len() > CONTEXTS_MAX {
            contexts.error(format!("at most {CONTEXTS_MAX} parts of the context can be counted by"));
        }
        for item in list {
            match item.name() {
                Some(name) if popularity_contexts.iter().any(|known| **known == *name) => {
                    item.error(format!("{} is named twice", Quoted(name)));
                }
                Some(name) => {
                    names.schema.events.keys().for_each(|event| names.check_shown(&item, event, name));
                    popularity_contexts.push(name.into());
                }
                None => {}
            }
        }
    }
    read.table.finish();
}

fn read_covisitation(table: &mut Table<'_>, params: &mut CoVisitationParams) {
    let Some(mut read) = Parameters::of(table, "covisitation", params, CoVisitationParams::check) else {
        return;
    };
    read.duration("half_life", CoVisitationParams::half_life);
    read.duration("session_gap", CoVisitationParams::session_gap);
    read.count("neighbours", CoVisitationParams::neighbours);
    read.number("back", CoVisitationParams::back);
    read.number("position_decay", CoVisitationParams::position_decay);
    read.table.finish();
}

fn read_sessions(table: &mut Table<'_>, params: &mut SessionKnnParams) {
    let Some(mut read) = Parameters::of(table, "sessions", params, SessionKnnParams::check) else { return };
    read.duration("half_life", SessionKnnParams::half_life);
    read.duration("session_gap", SessionKnnParams::session_gap);
    read.count("kept", SessionKnnParams::sessions);
    read.count("neighbours", SessionKnnParams::neighbours);
    read.number("rarity", SessionKnnParams::rarity);
    read.number("returns", SessionKnnParams::returns);
    read.number("hop", SessionKnnParams::hop);
    read.table.finish();
}

fn read_trending(table: &mut Table<'_>, params: &mut TrendingParams) {
    let Some(mut read) = Parameters::of(table, "trending", params, TrendingParams::check) else { return };
    // The longer one first: each is checked beside the other.
    read.duration("half_life_slow", TrendingParams::half_life_slow);
    read.duration("half_life", TrendingParams::half_life);
    read.number("prior", TrendingParams::prior);
    read.table.finish();
}

fn read_baskets(table: &mut Table<'_>, params: &mut BoughtTogetherParams) {
    let Some(mut read) = Parameters::of(table, "baskets", params, BoughtTogetherParams::check) else {
        return;
    };
    read.duration("half_life", BoughtTogetherParams::half_life);
    read.duration("gap", BoughtTogetherParams::basket_gap);
    read.count("neighbours", BoughtTogetherParams::neighbours);
    read.number("pairs_min", BoughtTogetherParams::pairs_min);
    read.number("lift", BoughtTogetherParams::lift);
    read.table.finish();
}

fn read_cold(table: &mut Table<'_>, definition: &mut RecommendDefinition, names: &Names) {
    let RecommendDefinition { cold, alike_by, .. } = definition;
    let Some(mut read) = Parameters::of(table, "cold", cold, TwinsParams::check) else { return };
    read.number("kappa", TwinsParams::kappa);
    read.count("twins", TwinsParams::twins);
    if let Some(attributes) = read.table.get("attributes") {
        let list = attributes.list().unwrap_or_default();
        *alike_by = Some(list.iter().filter_map(|node| read_attribute(node, names)).collect());
    }
    read.table.finish();
}

/// An attribute of items by which they can be alike.
fn read_attribute(node: &Node<'_>, names: &Names) -> Option<Box<str>> {
    let name = node.name()?;
    let items = &names.schema.items;
    match items.slot(name) {
        Some((_, Kind::String | Kind::List)) => return Some(name.into()),
        Some(_) => node.error_help("items are alike by strings and lists", "leave it out"),
        None => {
            let help = "declare it under [catalogue]".to_owned();
            node.unknown("attribute of items", name, items.names(), Some(help));
        }
    }
    None
}

fn read_ease(table: &mut Table<'_>, ease: &mut Option<Weighted<EaseParams>>) {
    let mut found = Weighted { weight: TASTE, params: Ease::params() };
    let Some(mut read) = Parameters::of(table, "ease", &mut found.params, EaseParams::check) else { return };
    read.duration("half_life", EaseParams::half_life);
    read.duration("every", EaseParams::every);
    read.count("items", EaseParams::items);
    read.count("history", EaseParams::history);
    read.count("window", EaseParams::window);
    read.number("reach", EaseParams::reach);
    read.number("ridge", EaseParams::ridge);
    read.number("recency", EaseParams::recency);
    found.weight = read_weight(read.table).unwrap_or(TASTE);
    *ease = Some(found);
}

fn read_als(table: &mut Table<'_>, als: &mut Option<Weighted<AlsParams>>) {
    let mut found = Weighted { weight: TASTE, params: Als::params() };
    let Some(mut read) = Parameters::of(table, "als", &mut found.params, AlsParams::check) else { return };
    read.duration("half_life", AlsParams::half_life);
    read.count("factors", AlsParams::factors);
    read.count("history", AlsParams::history);
    read.count("sweeps", AlsParams::sweeps);
    read.number("unobserved", AlsParams::unobserved);
    read.number("regularisation", AlsParams::regularisation);
    read.number("frequency", AlsParams::frequency);
    read.number("recency", AlsParams::recency);
    found.weight = read_weight(read.table).unwrap_or(TASTE);
    *als = Some(found);
}

/// What a model counts beside sessions, and the end of its table.
fn read_weight(mut table: Table<'_>) -> Option<f64> {
    let weight = table.get("weight").and_then(|node| node.weight(WEIGHT_MAX));
    table.finish();
    weight
}

/// `[recommend.explore]`, which has nothing to say where nothing is said to be shown.
pub(super) fn read_explore(table: &mut Table<'_>, explore: &mut Option<(Duration, Duration)>) {
    let Some(node) = table.get("explore") else { return };
    let Some(params) = explore else {
        return node.error_help("nothing can be explored that is not said to be shown", SAY_SHOWN);
    };
    let Some(mut read) = node.table() else { return };
    for (key, is_window) in [("window", true), ("half_life", false)] {
        let Some(node) = read.get(key) else { continue };
        let set = |(window, half_life): (Duration, Duration), found| match is_window {
            true => (found, half_life),
            false => (window, found),
        };
        tune(params, &node, node.duration(), set, |(window, half_life)| Explorer::new(window, half_life));
    }
    read.finish();
}

/// `[recommend.skill]`, which has nothing to say where nothing is an attempt.
pub(super) fn read_skill(table: &mut Table<'_>, definition: &mut RecommendDefinition, names: &Names) {
    let is_attempted = definition.has_attempts();
    let RecommendDefinition { skill, difficulty, .. } = definition;
    let Some(node) = table.get("skill") else { return };
    if !is_attempted {
        let help = "say how far the user came with an item: `outcome` of an interaction";
        return node.error_help("skill is learned of attempts, and nothing is one", help);
    }
    let Some(mut read) = Parameters::of(table, "skill", skill, SkillsParams::check) else { return };
    read.duration("session", SkillsParams::session);
    for (key, set) in [
        ("step", SkillsParams::step as fn(_, _) -> _),
        ("width", SkillsParams::width),
        ("repeat", SkillsParams::repeat),
        ("drift", SkillsParams::drift),
        ("spread", SkillsParams::spread),
    ] {
        read.number(key, set);
    }
    if let Some(node) = read.table.get("difficulty") {
        *difficulty = read_difficulty(&node, names);
    }
    read.table.finish();
}

/// `difficulty = { attribute = "level", from = 1, full = 10 }`
fn read_difficulty(node: &Node<'_>, names: &Names) -> Option<Grade> {
    let mut table = node.table()?;
    let attribute = table.require("attribute").and_then(|node| {
        let name = node.name()?;
        let items = &names.schema.items;
        match items.slot(name) {
            Some((_, Kind::Number)) => return Some(name.into()),
            Some(_) => node.error("how difficult an item is is a number"),
            None => {
                let help = "declare it under [catalogue]".to_owned();
                node.unknown("attribute of items", name, items.names(), Some(help));
            }
        }
        None
    });
    let range = read_range(&mut table, "an item is most difficult there");
    table.finish();
    let (from, full) = range?;
    Some(Grade { property: attribute?, from, full })
}

/// `[recommend.rerank]`: by which expressions about items it is learned what is chosen, beside what models say. Whether they
/// are right is for the plan to say.
pub(super) fn read_rerank(table: &mut Table<'_>, is_shown: bool) -> Option<Vec<Box<str>>> {
    let node = table.get("rerank")?;
    if !is_shown {
        node.error_help("nothing can be learned of what is not said to be shown", SAY_SHOWN);
        return None;
    }
    let mut read = node.table()?;
    let mut features: Vec<Box<str>> = Vec::new();
    if let Some(node) = read.get("features") {
        let list = node.list().unwrap_or_default();
        if list.len() > FEATURES_MAX {
            node.error(format!("at most {FEATURES_MAX} features can be learned of"));
        }
        for item in list {
            match item.text() {
                Some(text) if features.iter().any(|known| **known == *text) => {
                    item.error(format!("{} is there twice", Quoted(text)));
                }
                Some(text) => features.push(text.into()),
                None => {}
            }
        }
    }
    read.finish();
    Some(features)
}

fn read_k_min(table: &mut Table<'_>, definition: &mut RecommendDefinition) {
    let users = table.get("k_min").and_then(|node| node.integer_in(1, K_MIN_MAX));
    definition.set_k_min(users.map_or(K_MIN, |users| users as usize));
}
