//! `[journeys]`. Whether steps and templates fit together is for `journey` to say.

mod enter;
mod send;
mod step;
mod wait;

use crate::definitions::delivery::CLASSES;
use crate::definitions::experiments::Experiments;
use crate::definitions::loose::{LooseExpression, collect};
use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::Names;
use crate::journey::{Goal, Journey, Late, OnChange, TooLate};
use crate::model::Duration;
use hashbrown::HashSet;

pub(super) struct Reader<'a> {
    pub(super) names: &'a Names,
    /// The names of all segments.
    pub(super) segments: HashSet<&'a str, ahash::RandomState>,
    pub(super) experiments: &'a Experiments<'a>,
}

impl Reader<'_> {
    pub(super) fn read(&self, root: &mut Table<'_>, loose: &mut Vec<LooseExpression>) -> Vec<Journey> {
        let Some(table) = root.get("journeys").and_then(|node| node.table()) else { return Vec::new() };
        let mut journeys = Vec::new();
        for node in table.nodes().iter().filter(|node| node.is_named()) {
            let known = node.report().count();
            let journey = self.read_journey(node);
            // One that could not be read in full would be found wrong once more for what is missing from it.
            match node.report().count() == known {
                true => journeys.extend(journey),
                false => collect(node, &format!("journeys.{}", node.key), loose),
            }
        }
        journeys
    }

    fn read_journey(&self, node: &Node<'_>) -> Option<Journey> {
        let mut table = node.table()?;
        let class = table.get("class").and_then(|class| class.choice("class", &CLASSES));
        let priority = table.get("priority").and_then(|priority| priority.integer());
        let enter = table.require("enter").and_then(|enter| self.read_enter(&enter));
        let audience = table.get("audience").and_then(|audience| audience.text());
        let exit = table.get("exit").and_then(|exit| exit.list()).unwrap_or_default();
        let exit = exit.iter().filter_map(|exit| {
            let mut table = exit.table()?;
            let trigger = self.read_occurrence(&mut table);
            table.finish();
            trigger
        });
        let exit = exit.collect();
        let goal = table.get("goal").and_then(|goal| self.read_goal(&goal));
        let holdout = table.get("holdout").and_then(|holdout| holdout.percent());
        let late = table.get("late").and_then(|late| read_late(&late));
        let expires = table.get("expires").and_then(|expires| expires.duration());
        let tags = table.get("tags").map(|tags| read_names(&tags)).unwrap_or_default();
        let purpose = table.get("purpose").and_then(|purpose| self.names.read_purpose(&purpose));
        let on_change = table.get("on_change").and_then(|node| node.choice("rule", &ON_CHANGE));
        let moved_to = table.get("moved_to").and_then(|moved| moved.table());
        let moved = moved_to.iter().flat_map(|moved| moved.nodes());
        let moved_to = moved.filter(|node| node.is_named());
        let moved_to = moved_to.filter_map(|node| Some((node.key.into(), node.name()?.into()))).collect();
        let steps = table.require("step").and_then(|steps| steps.list()).unwrap_or_default();
        let steps = steps.iter().filter_map(|step| self.read_step(step)).collect();
        table.finish();
        Some(Journey {
            name: node.key.into(),
            class: class.unwrap_or_default(),
            priority: priority.unwrap_or(0),
            enter: enter?,
            audience: audience.map(Into::into),
            exit,
            goal,
            holdout: holdout.unwrap_or(0.0),
            late: late.unwrap_or_default(),
            expires,
            tags,
            purpose,
            on_change: on_change.unwrap_or_default(),
            moved_to,
            steps,
        })
    }

    /// `{ event = "purchase", within = "3d" }`
    fn read_goal(&self, node: &Node<'_>) -> Option<Goal> {
        let mut table = node.table()?;
        let within = table.get("within").map(|within| within.duration());
        let trigger = self.read_occurrence(&mut table);
        table.finish();
        Some(Goal { trigger: trigger?, within: within.unwrap_or(None) })
    }
}

const ON_CHANGE: [(&str, OnChange); 2] = [("pin", OnChange::Pin), ("migrate", OnChange::Migrate)];

/// `{ tolerance = "1h", catch_up = "6h", else = "skip" }`
fn read_late(node: &Node<'_>) -> Option<Late> {
    let mut table = node.table()?;
    let mut late = Late::default();
    let mut time = |key, into: &mut Duration| {
        if let Some(time) = table.get(key).and_then(|node| node.duration_from(Duration::ZERO)) {
            *into = time;
        }
    };
    time("tolerance", &mut late.tolerance);
    time("catch_up", &mut late.catch_up);
    let choices = [("skip", TooLate::Skip), ("exit", TooLate::Exit), ("next_window", TooLate::NextWindow)];
    late.otherwise = table.get("else").and_then(|node| node.choice("rule", &choices)).unwrap_or_default();
    table.finish();
    Some(late)
}

/// Names, each once.
pub(super) fn read_names(node: &Node<'_>) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for item in node.list().unwrap_or_default() {
        match item.name() {
            Some(name) if names.iter().any(|known| **known == *name) => item.error("it is named twice"),
            Some(name) => names.push(name.into()),
            None => {}
        }
    }
    names
}

/// Of several keys that exclude one another, the one that is there.
fn only_one<'d>(
    table: &Table<'d>,
    found: &[Option<Node<'d>>],
    keys: &[&str],
    what: &str,
) -> Option<Node<'d>> {
    let mut present = found.iter().flatten();
    let Some(first) = present.next() else {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        table.error_help(format!("the {what} is missing"), format!("say one of {}", keys.join(", ")));
        return None;
    };
    for more in present {
        let message = format!("`{}` and `{}` exclude one another", first.key, more.key);
        more.report().add(more.key_span, message, None);
    }
    Some(*first)
}
