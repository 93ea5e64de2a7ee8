//! `[journeys]`. Whether steps and templates fit together is for `journey` to say.

use crate::definitions::delivery::CLASSES;
use crate::definitions::loose::{LooseExpression, collect};
use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::Names;
use crate::journey::{Branch, Enter, Journey, Reentry, Step, StepAction, Trigger};
use hashbrown::HashSet;

pub(super) struct Reader<'a> {
    pub(super) names: &'a Names,
    /// The names of all segments.
    pub(super) segments: HashSet<&'a str, ahash::RandomState>,
}

/// The kinds of triggers, and of steps, that there are.
const TRIGGERS: [&str; 3] = ["event", "segment_entered", "segment_left"];
const ACTIONS: [&str; 4] = ["wait", "branch", "send", "goto"];

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
            let trigger = self.read_trigger(&mut table);
            table.finish();
            trigger
        });
        let exit = exit.collect();
        let steps = table.require("step").and_then(|steps| steps.list()).unwrap_or_default();
        let steps = steps.iter().filter_map(read_step).collect();
        table.not_yet(&["goal", "holdout", "late", "on_change", "moved_to", "expires", "tags", "experiment"]);
        table.finish();
        Some(Journey {
            name: node.key.into(),
            class: class.unwrap_or_default(),
            priority: priority.unwrap_or(0),
            enter: enter?,
            audience: audience.map(Into::into),
            exit,
            steps,
        })
    }

    fn read_enter(&self, node: &Node<'_>) -> Option<Enter> {
        let mut table = node.table()?;
        let reentry = table.get("reentry").map(|node| read_reentry(&node));
        let trigger = self.read_trigger(&mut table);
        table.finish();
        Some(Enter { trigger: trigger?, reentry: reentry.unwrap_or(Some(Reentry::default()))? })
    }

    fn read_trigger(&self, table: &mut Table<'_>) -> Option<Trigger> {
        table.not_yet(&["date", "cron", "item", "call", "offset", "parallel", "within", "any", "all"]);
        let found = TRIGGERS.map(|key| table.get(key));
        let (condition, key) = (table.get("where"), table.get("key"));
        let first = only_one(table, &found, &TRIGGERS, "trigger")?;
        if first.key == "event" {
            let event = first.name()?;
            let is_known = self.names.check_event(&first, event, first.place());
            let condition = condition.map_or(Some(""), |node| node.text());
            let key = key.map(|node| {
                let name = node.name();
                if let Some(name) = name.filter(|_| is_known) {
                    self.names.check_property(&node, event, name);
                }
                name
            });
            return Some(Trigger::Event {
                event: event.into(),
                condition: condition?.into(),
                key: key.flatten().map(Into::into),
            });
        }
        for node in [condition, key].into_iter().flatten() {
            node.report().add(node.key_span, format!("`{}` goes with `event`", node.key), None);
        }
        let segment = first.name()?;
        if !self.segments.contains(segment) {
            first.unknown("segment", segment, self.segments.iter().copied(), None);
        }
        match first.key {
            "segment_entered" => Some(Trigger::SegmentEntered(segment.into())),
            _ => Some(Trigger::SegmentLeft(segment.into())),
        }
    }
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
        // A key that is not supported yet says enough.
        if !table.has_refused() {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            table.error_help(format!("the {what} is missing"), format!("say one of {}", keys.join(", ")));
        }
        return None;
    };
    for more in present {
        let message = format!("`{}` and `{}` exclude one another", first.key, more.key);
        more.report().add(more.key_span, message, None);
    }
    Some(*first)
}

/// `"once"`, `"after_exit"`, `"restart"` or `{ after = "7d" }`
fn read_reentry(node: &Node<'_>) -> Option<Reentry> {
    if node.is_table() {
        let mut table = node.table()?;
        table.not_yet(&["parallel"]);
        let after = if table.has_refused() { table.get("after") } else { table.require("after") };
        let after = after.and_then(|after| after.duration());
        table.finish();
        return after.map(Reentry::After);
    }
    if !node.is_text() {
        node.wanted("a word, or `{ after = \"7d\" }`,");
        return None;
    }
    let choices =
        [("after_exit", Reentry::AfterExit), ("once", Reentry::Once), ("restart", Reentry::Restart)];
    node.choice("reentry", &choices)
}

fn read_step(node: &Node<'_>) -> Option<Step> {
    let mut table = node.table()?;
    let id = table.require("id").and_then(|id| id.name());
    table.not_yet(&["wait_until", "wait_for", "split", "experiment", "set", "emit", "call", "moved_to"]);
    let found = ACTIONS.map(|key| table.get(key));
    let action = only_one(&table, &found, &ACTIONS, "step's action").and_then(|node| match node.key {
        "wait" => node.duration().map(StepAction::Wait),
        "branch" => {
            let branches = node.list()?;
            if branches.is_empty() {
                node.error("the branch has no arms");
            }
            Some(StepAction::Branch(branches.iter().filter_map(read_branch).collect()))
        }
        "send" => read_send(&node),
        _ => node.name().map(|label| StepAction::Goto(label.into())),
    });
    table.finish();
    Some(Step { id: id?.into(), action: action? })
}

fn read_branch(node: &Node<'_>) -> Option<Branch> {
    let mut table = node.table()?;
    let when = table.require("when").and_then(|when| when.text());
    let to = table.require("to").and_then(|to| to.name());
    table.finish();
    Some(Branch { when: when?.into(), to: to?.into() })
}

fn read_send(node: &Node<'_>) -> Option<StepAction> {
    let mut table = node.table()?;
    let channel = table.require("channel").and_then(|channel| channel.name());
    let template = table.require("template").and_then(|template| template.name());
    let expires = table.get("expires").map(|expires| expires.duration());
    table.not_yet(&["unreachable", "at", "capped", "purpose", "tags", "window"]);
    table.finish();
    Some(StepAction::Send {
        channel: channel?.into(),
        template: template?.into(),
        expires: expires.unwrap_or(None),
    })
}
