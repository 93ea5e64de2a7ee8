//! Waits for a local time, and for something to happen.

use crate::definitions::journeys::enter::OCCURRENCES;
use crate::definitions::journeys::{Reader, only_one};
use crate::definitions::reader::Node;
use crate::journey::{Awaited, DayRule, Delivery, LocalAt, LocalWait, WaitFor};
use crate::trigger::LocalTime;

/// Most conditions of a wait: which are met is kept in as many bits.
const CONDITIONS_MAX: usize = 16;

const DAYS: [(&str, DayRule); 10] = [
    ("today", DayRule::Today),
    ("tomorrow", DayRule::Tomorrow),
    ("entry", DayRule::Entry),
    ("monday", DayRule::Weekday(0)),
    ("tuesday", DayRule::Weekday(1)),
    ("wednesday", DayRule::Weekday(2)),
    ("thursday", DayRule::Weekday(3)),
    ("friday", DayRule::Weekday(4)),
    ("saturday", DayRule::Weekday(5)),
    ("sunday", DayRule::Weekday(6)),
];

const ANSWERS: [(&str, Delivery); 7] = [
    ("sent", Delivery::Sent),
    ("delivered", Delivery::Delivered),
    ("opened", Delivery::Opened),
    ("clicked", Delivery::Clicked),
    ("failed", Delivery::Failed),
    ("unreachable", Delivery::Unreachable),
    ("suppressed", Delivery::Suppressed),
];

const AWAITED: [&str; 10] = [
    OCCURRENCES[0],
    OCCURRENCES[1],
    OCCURRENCES[2],
    "sent",
    "delivered",
    "opened",
    "clicked",
    "failed",
    "unreachable",
    "suppressed",
];

/// `{ day = "tomorrow", at = "19:00" }`, `{ at = "best", between = "17:00-21:30", fallback = "19:30" }`
pub(super) fn read_wait_until(node: &Node<'_>) -> Option<LocalWait> {
    let mut table = node.table()?;
    let day = table.get("day").map(|day| day.choice("day", &DAYS));
    let at = table.require("at").and_then(|at| match at.text()? {
        "best" => Some(LocalAt::Best),
        _ => at.time().map(LocalAt::Time),
    });
    let between = table.get("between").map(|between| read_between(&between));
    let fallback = table.get("fallback").map(|fallback| fallback.time());
    if let (Some(LocalAt::Time(_)), Some(node)) = (at, table.get("between").or(table.get("fallback"))) {
        let message = format!("`{}` goes with `at = \"best\"`", node.key);
        node.report().add(node.key_span, message, None);
    }
    table.finish();
    Some(LocalWait {
        day: day.unwrap_or(None),
        at: at?,
        between: between.unwrap_or(None),
        fallback: fallback.unwrap_or(None),
    })
}

/// `17:00-21:30`
pub(super) fn read_between(node: &Node<'_>) -> Option<(LocalTime, LocalTime)> {
    let text = node.text()?;
    let times = text.split_once('-').and_then(|(from, to)| {
        Some((from.trim().parse::<LocalTime>().ok()?, to.trim().parse::<LocalTime>().ok()?))
    });
    match times {
        Some((from, to)) if from != to => return times,
        Some(_) => node.error("the window ends when it begins"),
        None => node.error_help("this is no window of local times", "write it as \"17:00-21:30\""),
    }
    None
}

/// `{ any = [{ opened = "push1" }, { event = "view" }], timeout = "4h", then = "end", else = "mail1" }`
pub(super) fn read_wait_for(reader: &Reader<'_>, node: &Node<'_>) -> Option<WaitFor> {
    const KEYS: [&str; 2] = ["any", "all"];
    let mut table = node.table()?;
    let found = KEYS.map(|key| table.get(key));
    let list = only_one(&table, &found, &KEYS, "list of conditions");
    let mut conditions = Vec::new();
    if let Some((list, items)) = list.and_then(|list| Some((list, list.list()?))) {
        if items.is_empty() {
            list.error("it waits for nothing");
        }
        if items.len() > CONDITIONS_MAX {
            list.error(format!("it waits for {} things, at most {CONDITIONS_MAX} are allowed", items.len()));
        }
        conditions.extend(items.iter().filter_map(|item| read_awaited(reader, item)));
    }
    let timeout = table.require("timeout").and_then(|timeout| timeout.duration());
    let then = table.get("then").map(|then| then.name());
    let otherwise = table.get("else").map(|otherwise| otherwise.name());
    table.finish();
    Some(WaitFor {
        all: list?.key == "all",
        conditions,
        timeout: timeout?,
        then: then.unwrap_or(None).map(Into::into),
        otherwise: otherwise.unwrap_or(None).map(Into::into),
    })
}

fn read_awaited(reader: &Reader<'_>, node: &Node<'_>) -> Option<Awaited> {
    let mut table = node.table()?;
    let found = AWAITED.map(|key| table.get(key));
    let answer = ANSWERS.iter().find(|(word, _)| found.iter().flatten().any(|node| node.key == *word));
    let awaited = match answer {
        None => reader.read_occurrence(&mut table).map(Awaited::Trigger),
        Some((_, delivery)) => only_one(&table, &found, &AWAITED, "condition")
            .and_then(|node| node.name())
            .map(|step| Awaited::Answer { delivery: *delivery, step: step.into() }),
    };
    table.finish();
    awaited
}
