//! Steps and triggers in a few words, as a picture has room for them.

use crate::journey::draw::Shape;
use crate::journey::{Awaited, DayRule, ItemChange, LocalAt, LocalWait, Send, StepAction, Trigger};
use crate::model::Duration;

/// Longest expression that is shown, in characters.
const EXPRESSION_MAX: usize = 60;

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What a step does, and its shape.
pub(super) fn step(action: &StepAction) -> (Shape, String) {
    match action {
        StepAction::Wait(duration) => (Shape::Soft, format!("wait {duration}")),
        StepAction::WaitUntil(wait) => (Shape::Soft, wait_until(wait)),
        StepAction::WaitFor(wait) => {
            let all = if wait.all { "all" } else { "any" };
            let conditions: Vec<String> = wait.conditions.iter().map(awaited).collect();
            (Shape::Diamond, format!("wait for {all} of {}", conditions.join(", ")))
        }
        StepAction::Branch(_) => (Shape::Diamond, "branch".into()),
        StepAction::Split(_) => (Shape::Diamond, "split".into()),
        StepAction::Experiment(step) => (Shape::Diamond, format!("experiment {}", step.experiment)),
        StepAction::Send(Send { channel, template, at_best, .. }) => {
            let when = if *at_best { " at the best time" } else { "" };
            (Shape::Box, format!("send {channel}: {template}{when}"))
        }
        StepAction::Set(values) => (Shape::Box, format!("set {}", names(values))),
        StepAction::Emit(emit) => (Shape::Box, format!("emit {}", emit.event)),
        StepAction::Call(call) => (Shape::Box, format!("call {}", call.channel)),
        StepAction::Goto(_) => (Shape::Box, "goto".into()),
    }
}

pub(super) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Event { event, condition, key } => {
            let condition =
                if condition.is_empty() { String::new() } else { format!(" where {}", short(condition)) };
            let key = key.as_ref().map_or(String::new(), |key| format!(" by {key}"));
            format!("{event}{condition}{key}")
        }
        Trigger::SegmentEntered(segment) => format!("enters {segment}"),
        Trigger::SegmentLeft(segment) => format!("leaves {segment}"),
        Trigger::Date { attribute, offset, yearly, at } => {
            let yearly = if *yearly { " every year" } else { "" };
            let offset = match *offset {
                Duration::ZERO => String::new(),
                offset if offset < Duration::ZERO => {
                    format!("{} before ", offset.to_string().trim_start_matches('-'))
                }
                offset => format!("{offset} after "),
            };
            let at = at.map_or(String::new(), |at| format!(" at {at}"));
            format!("{offset}{attribute}{yearly}{at}")
        }
        Trigger::Cron(text) => format!("cron {text}"),
        Trigger::Item { change, condition, key: _ } => {
            let change = match change {
                ItemChange::PriceDrop => "price of an item drops",
                ItemChange::BackInStock => "item is back in stock",
                ItemChange::Any => "item changes",
            };
            let condition =
                if condition.is_empty() { String::new() } else { format!(" where {}", short(condition)) };
            format!("{change}{condition}")
        }
        Trigger::Call { key } => {
            format!("call{}", key.as_ref().map_or(String::new(), |key| format!(" by {key}")))
        }
    }
}

/// An expression, cut where it is long.
pub(super) fn short(expression: &str) -> String {
    let words: Vec<&str> = expression.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(EXPRESSION_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn wait_until(wait: &LocalWait) -> String {
    let day = match wait.day {
        None => String::new(),
        Some(DayRule::Today) => "today ".into(),
        Some(DayRule::Tomorrow) => "tomorrow ".into(),
        Some(DayRule::Entry) => "the day of the entry ".into(),
        Some(DayRule::Weekday(day)) => {
            format!("{} ", WEEKDAYS.get(usize::from(day)).copied().unwrap_or_default())
        }
    };
    let at = match wait.at {
        LocalAt::Time(time) => time.to_string(),
        LocalAt::Best => "the best time".into(),
    };
    let between = wait.between.map_or(String::new(), |(from, to)| format!(", {from} to {to}"));
    format!("wait until {day}{at}{between}")
}

fn awaited(awaited: &Awaited) -> String {
    match awaited {
        Awaited::Trigger(own) => trigger(own),
        Awaited::Answer { delivery, step } => format!("{delivery} {step}"),
    }
}

fn names<T>(values: &[(Box<str>, T)]) -> String {
    let names: Vec<&str> = values.iter().map(|(name, _)| &**name).collect();
    names.join(", ")
}
