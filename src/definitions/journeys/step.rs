//! Steps that neither wait nor send.

use crate::definitions::journeys::wait::{read_wait_for, read_wait_until};
use crate::definitions::journeys::{Reader, only_one};
use crate::definitions::reader::{Node, Table};
use crate::journey::{Branch, Call, Emit, ExperimentStep, Split, Step, StepAction};
use crate::model::{Instant, Quoted, Value, is_template, own_event};
use crate::segment::{Kind, Stored};
use std::collections::BTreeMap;

const ACTIONS: [&str; 11] = [
    "wait",
    "wait_until",
    "wait_for",
    "branch",
    "split",
    "experiment",
    "send",
    "set",
    "emit",
    "call",
    "goto",
];

impl Reader<'_> {
    pub(super) fn read_step(&self, node: &Node<'_>) -> Option<Step> {
        let mut table = node.table()?;
        let id = table.require("id").and_then(|id| id.name());
        let found = ACTIONS.map(|key| table.get(key));
        let action = only_one(&table, &found, &ACTIONS, "step's action");
        let action = action.and_then(|node| match node.key {
            "experiment" => self.read_experiment(&node, &mut table).map(StepAction::Experiment),
            _ => self.read_action(&node),
        });
        table.finish();
        Some(Step { id: id?.into(), action: action? })
    }

    fn read_action(&self, node: &Node<'_>) -> Option<StepAction> {
        match node.key {
            "wait" => node.duration().map(StepAction::Wait),
            "wait_until" => read_wait_until(node).map(StepAction::WaitUntil),
            "wait_for" => read_wait_for(self, node).map(StepAction::WaitFor),
            "branch" => {
                let branches = node.list()?;
                if branches.is_empty() {
                    node.error("the branch has no arms");
                }
                Some(StepAction::Branch(branches.iter().filter_map(read_branch).collect()))
            }
            "split" => read_split(node).map(StepAction::Split),
            "send" => self.read_send(node).map(StepAction::Send),
            "set" => {
                let values = read_values(node)?;
                if values.is_empty() {
                    node.error("the step sets nothing");
                }
                for inner in node.table()?.nodes() {
                    let value = values.iter().find(|(name, _)| **name == *inner.key);
                    self.check_attribute(inner, value.map(|(_, value)| value));
                }
                Some(StepAction::Set(values))
            }
            "emit" => self.read_emit(node).map(StepAction::Emit),
            "call" => self.read_call(node).map(StepAction::Call),
            _ => node.name().map(|label| StepAction::Goto(label.into())),
        }
    }

    fn check_attribute(&self, node: &Node<'_>, value: Option<&Value>) {
        let schema = &self.names.schema;
        if schema.strict && self.names.is_sound && schema.attribute_kind(node.key).is_none() {
            let names = schema.attributes.keys().map(|name| &**name);
            let help = node.report().did_you_mean(node.key, names);
            let help = help.or_else(|| Some("declare it under [attributes]".into()));
            let message = format!("unknown attribute {}", Quoted(node.key));
            node.report().add(node.key_span, message, help);
        }
        let kind = schema.attribute_kind(node.key);
        if let (Some(kind), Some(value)) = (kind.filter(|_| schema.strict), value)
            && !fits(value, kind)
            && !matches!(value, Value::String(text) if is_template(text))
        {
            let message = format!("{} is declared as another kind of value", Quoted(node.key));
            node.error(message);
        }
        if schema.attribute_tags(node.key).stored != Stored::Plain {
            let message = format!("{} is not kept as it is, so no journey can set it", Quoted(node.key));
            node.report().add(node.key_span, message, None);
        }
    }

    /// `experiment = "subject_line", to = { treatment = "mail_b" }`
    fn read_experiment(&self, node: &Node<'_>, table: &mut Table<'_>) -> Option<ExperimentStep> {
        let name = node.name();
        if let Some(name) = name.filter(|name| !self.experiments.names.contains(name)) {
            let help = format!("define it as [experiments.{name}]");
            node.unknown("experiment", name, self.experiments.names.iter().copied(), Some(help));
        }
        let known = self.experiments.read.iter().find(|known| Some(known.name()) == name);
        let arms: Option<Vec<&str>> = known.map(|known| known.arms().map(|(arm, _)| arm).collect());
        let to = table.require("to");
        let to = read_ways(to, arms.as_deref());
        Some(ExperimentStep { experiment: name?.into(), to })
    }

    /// `{ event = "nudged", properties = { level = 2 } }`
    fn read_emit(&self, node: &Node<'_>) -> Option<Emit> {
        let mut table = node.table()?;
        let event = table.require("event").and_then(|event| {
            let name = event.name()?;
            if own_event(name).is_some() {
                let message = format!("{} is an event of the engine's own", Quoted(name));
                event.error_help(message, "name an event of yours");
                return None;
            }
            Some((name, self.names.check_event(&event, name, event.place())))
        });
        let properties = table.get("properties");
        if let (Some((event, true)), Some(properties)) = (event, properties.and_then(|node| node.table())) {
            for property in properties.nodes() {
                self.names.check_property(property, event, property.key);
            }
        }
        let properties = properties.map_or(Some(Vec::new()), |node| read_values(&node));
        table.finish();
        Some(Emit { event: event?.0.into(), properties: properties? })
    }

    /// `{ channel = "discounts", properties = { percent = 10 } }`
    fn read_call(&self, node: &Node<'_>) -> Option<Call> {
        let mut table = node.table()?;
        let channel = table.require("channel").and_then(|channel| channel.name());
        let properties = table.get("properties").map_or(Some(Vec::new()), |node| read_values(&node));
        table.finish();
        Some(Call { channel: channel?.into(), properties: properties? })
    }
}

fn read_branch(node: &Node<'_>) -> Option<Branch> {
    let mut table = node.table()?;
    let when = table.require("when").and_then(|when| when.text());
    let to = table.require("to").and_then(|to| to.name());
    table.finish();
    Some(Branch { when: when?.into(), to: to?.into() })
}

/// `{ salt = "s", arms = { a = 50, b = 50 }, to = { a = "x" } }`
fn read_split(node: &Node<'_>) -> Option<Split> {
    let mut table = node.table()?;
    let salt = table.require("salt").and_then(|salt| salt.name());
    let arms_node = table.require("arms");
    let mut arms: Vec<(Box<str>, f64)> = Vec::new();
    for arm in arms_node.and_then(|arms| arms.table()).iter().flat_map(|arms| arms.nodes()) {
        if let (true, Some(weight)) = (arm.is_named(), arm.weight(1e9)) {
            arms.push((arm.key.into(), weight));
        }
    }
    if let Some(node) = arms_node.filter(|_| !arms.iter().any(|(_, weight)| *weight > 0.0)) {
        node.error("no arm has a weight above 0");
    }
    let names: Vec<&str> = arms.iter().map(|(name, _)| &**name).collect();
    let to = read_ways(table.get("to"), Some(&names));
    table.finish();
    Some(Split { salt: salt?.into(), arms, to })
}

/// `{ a = "x" }`: where arms lead, of these where they are known.
fn read_ways(node: Option<Node<'_>>, arms: Option<&[&str]>) -> BTreeMap<Box<str>, Box<str>> {
    let mut ways = BTreeMap::new();
    for arm in node.and_then(|to| to.table()).iter().flat_map(|to| to.nodes()) {
        if let Some(arms) = arms.filter(|arms| !arms.contains(&arm.key)) {
            let help = arm.report().did_you_mean(arm.key, arms.iter().copied());
            arm.report().add(arm.key_span, format!("unknown arm {}", Quoted(arm.key)), help);
        }
        ways.extend(arm.name().map(|label| (arm.key.into(), label.into())));
    }
    ways
}

/// Whether a value that a definition writes is one of a kind.
fn fits(value: &Value, kind: Kind) -> bool {
    match (kind, value) {
        (Kind::Bool, Value::Bool(_))
        | (Kind::Number, Value::Int(_) | Value::Float(_))
        | (Kind::String, Value::String(_)) => true,
        (Kind::Instant, Value::String(text)) => text.parse::<Instant>().is_ok(),
        _ => false,
    }
}

/// `{ level = 2, word = "x" }`
fn read_values(node: &Node<'_>) -> Option<Vec<(Box<str>, Value)>> {
    let table = node.table()?;
    let named = table.nodes().iter().filter(|node| node.is_named());
    Some(named.filter_map(|node| Some((node.key.into(), node.value()?))).collect())
}
