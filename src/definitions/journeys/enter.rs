//! Triggers, and how often they begin a journey.

use crate::definitions::journeys::{Reader, only_one};
use crate::definitions::reader::{DURATION_MAX, Node, Table};
use crate::definitions::schema::quoted_key;
use crate::journey::{Enter, ItemChange, Reentry, Trigger};
use crate::model::{Duration, Quoted};
use crate::segment::Kind;
use crate::trigger::Cron;

/// What happens to a user by itself: also an exit, a goal, or what a wait waits for.
pub(super) const OCCURRENCES: [&str; 3] = ["event", "segment_entered", "segment_left"];
/// What may begin a journey.
const TRIGGERS: [&str; 7] = ["event", "segment_entered", "segment_left", "date", "cron", "item", "call"];

const CHANGES: [(&str, ItemChange); 3] = [
    ("price_drop", ItemChange::PriceDrop),
    ("back_in_stock", ItemChange::BackInStock),
    ("change", ItemChange::Any),
];

impl Reader<'_> {
    pub(super) fn read_enter(&self, node: &Node<'_>) -> Option<Enter> {
        let mut table = node.table()?;
        let reentry = table.get("reentry").map(|node| read_reentry(&node));
        let found = TRIGGERS.map(|key| table.get(key));
        let first = only_one(&table, &found, &TRIGGERS, "trigger");
        let trigger = first.and_then(|first| match first.key {
            "date" => self.read_date(&first, &mut table),
            "cron" => read_cron(&first),
            "item" => {
                let condition = table.get("where").map_or(Some(""), |node| node.text());
                let change = first.choice("change", &CHANGES);
                if change == Some(ItemChange::PriceDrop) && self.names.schema.items.slot("price").is_none() {
                    let help = "declare it: `price = \"number\"` under [catalogue]";
                    first.error_help("no price of items is kept, so none drops", help);
                }
                let key = table
                    .get("key")
                    .map(|node| node.name().inspect(|name| self.names.check_key(&node, name)));
                Some(Trigger::Item {
                    change: change?,
                    condition: condition?.into(),
                    key: key.map_or(Some(None), |key| key.map(|key| Some(key.into())))?,
                })
            }
            "call" => {
                if first.bool() != Some(true) {
                    first.wanted("`true`");
                }
                let key = table.get("key").and_then(|key| key.name());
                Some(Trigger::Call { key: key.map(Into::into) })
            }
            _ => self.read_of(&first, &mut table),
        });
        table.finish();
        Some(Enter { trigger: trigger?, reentry: reentry.unwrap_or(Some(Reentry::default()))? })
    }

    /// An event, or a segment that is entered or left.
    pub(super) fn read_occurrence(&self, table: &mut Table<'_>) -> Option<Trigger> {
        let found = OCCURRENCES.map(|key| table.get(key));
        match only_one(table, &found, &OCCURRENCES, "trigger") {
            Some(first) => self.read_of(&first, table),
            None => {
                // What goes with one is not wrong for being alone.
                table.get("where");
                table.get("key");
                None
            }
        }
    }

    /// `{ date = "birthday", offset = "-1d", yearly = true, at = "09:00" }`
    fn read_date(&self, first: &Node<'_>, table: &mut Table<'_>) -> Option<Trigger> {
        let attribute = first.name().filter(|name| self.is_instant(first, name));
        let offset = table.get("offset").map_or(Some(Duration::ZERO), |node| read_offset(&node));
        let yearly = table.get("yearly").map_or(Some(false), |node| node.bool());
        let at = table.get("at").map(|node| node.time());
        Some(Trigger::Date {
            attribute: attribute?.into(),
            offset: offset?,
            yearly: yearly?,
            at: at.unwrap_or(None),
        })
    }

    /// Reports an attribute that holds no instant. Only what is declared to hold one does.
    fn is_instant(&self, node: &Node<'_>, name: &str) -> bool {
        let schema = &self.names.schema;
        let kind = schema.attribute_kind(name);
        if kind == Some(Kind::Instant) || !self.names.is_sound {
            return true;
        }
        let help = format!("declare it under [attributes] as `{} = \"instant\"`", quoted_key(name));
        if kind.is_some() {
            node.error_help(format!("the attribute {} is no instant", Quoted(name)), help);
        } else {
            let names = schema.attributes.keys().map(|name| &**name);
            let help = node.report().did_you_mean(name, names).unwrap_or(help);
            node.error_help(format!("unknown attribute {}", Quoted(name)), help);
        }
        false
    }

    fn read_of(&self, first: &Node<'_>, table: &mut Table<'_>) -> Option<Trigger> {
        let (condition, key) = (table.get("where"), table.get("key"));
        if first.key == "event" {
            let event = first.name()?;
            let is_known = self.names.check_event(first, event, first.place());
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

/// Minute, hour, day of the month, month, day of the week.
fn read_cron(node: &Node<'_>) -> Option<Trigger> {
    let text = node.text()?;
    match text.parse::<Cron>() {
        Ok(_) => Some(Trigger::Cron(text.into())),
        Err(error) => {
            node.error_help(error.to_string(), error.help());
            None
        }
    }
}

/// A duration, with a sign before it where it is negative.
fn read_offset(node: &Node<'_>) -> Option<Duration> {
    let text = node.text()?;
    let (sign, length) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    match length.parse::<Duration>() {
        Err(error) => node.error(error.to_string()),
        Ok(length) if length > DURATION_MAX => {
            node.error(format!("the duration must be at most `{DURATION_MAX}`"));
        }
        Ok(length) => return Some(Duration::from_millis(sign * length.as_millis())),
    }
    None
}

/// `"once"`, `"after_exit"`, `"restart"`, `{ after = "7d" }` or `{ parallel = 3 }`
fn read_reentry(node: &Node<'_>) -> Option<Reentry> {
    const KEYS: [&str; 2] = ["after", "parallel"];
    if node.is_table() {
        let mut table = node.table()?;
        let found = KEYS.map(|key| table.get(key));
        let reentry = only_one(&table, &found, &KEYS, "rule").and_then(|node| match node.key {
            "after" => node.duration().map(Reentry::After),
            _ => node.integer_in(1, 256).map(|most| Reentry::Parallel(most as u32)),
        });
        table.finish();
        return reentry;
    }
    if !node.is_text() {
        node.wanted("a word, or `{ after = \"7d\" }`,");
        return None;
    }
    let choices =
        [("after_exit", Reentry::AfterExit), ("once", Reentry::Once), ("restart", Reentry::Restart)];
    node.choice("reentry", &choices)
}
