//! `[delivery]`: quiet hours and caps.

use crate::definitions::reader::{Node, Table};
use crate::journey::{Cap, CapPeriod, Class, DeliveryPolicy};
use crate::trigger::{LocalTime, QuietHours};

pub(super) const CLASSES: [(&str, Class); 3] =
    [("marketing", Class::Marketing), ("service", Class::Service), ("transactional", Class::Transactional)];

pub(super) fn read(root: &mut Table<'_>) -> DeliveryPolicy {
    let mut policy = DeliveryPolicy::default();
    let Some(mut table) = root.get("delivery").and_then(|node| node.table()) else { return policy };
    if let Some(quiet) = table.get("quiet").and_then(|node| node.table()) {
        for channel in quiet.nodes().iter().filter(|node| node.is_named()) {
            if let Some(hours) = read_quiet(channel) {
                policy.quiet.insert(channel.key.into(), hours);
            }
        }
    }
    let caps = table.get("cap").and_then(|node| node.list()).unwrap_or_default();
    policy.caps.extend(caps.iter().filter_map(read_cap));
    table.not_yet(&["throttle", "dedup", "send_time"]);
    table.finish();
    policy
}

/// `{ from = "22:00", to = "08:00", on = "defer" }`
fn read_quiet(node: &Node<'_>) -> Option<QuietHours> {
    let mut table = node.table()?;
    let mut time = |key| {
        let node = table.require(key)?;
        match node.text()?.parse::<LocalTime>() {
            Ok(time) => Some(time),
            Err(error) => {
                node.error(error.to_string());
                None
            }
        }
    };
    let (from, to) = (time("from"), time("to"));
    if let Some(on) = table.get("on") {
        match on.text() {
            Some("drop" | "bypass") => on.error_help("only `defer` is supported yet", "leave `on` out"),
            Some(_) => {
                on.choice("rule", &[("defer", ())]);
            }
            None => {}
        }
    }
    table.finish();
    match QuietHours::new(from?, to?) {
        Ok(hours) => Some(hours),
        Err(_) => {
            node.error_help(
                "the quiet hours end when they begin",
                "leave the channel out if it is never quiet",
            );
            None
        }
    }
}

fn read_cap(node: &Node<'_>) -> Option<Cap> {
    let mut table = node.table()?;
    let channel = table.require("scope").and_then(|scope| read_scope(&scope));
    let max = table.require("max").and_then(|max| max.integer_in(1, i64::from(u32::MAX)));
    let (per, window) = (table.get("per"), table.get("window"));
    let per = match (per, window) {
        (Some(per), None) => per.choice("period", &[("day", CapPeriod::Day), ("week", CapPeriod::Week)]),
        (None, Some(window)) => window.duration().map(CapPeriod::Window),
        (None, None) => {
            table.error_help(
                "the cap has no time",
                "say `per = \"day\"`, `per = \"week\"` or `window = \"24h\"`",
            );
            None
        }
        (Some(_), Some(window)) => {
            window.error("`per` and `window` exclude one another");
            None
        }
    };
    let counts = match table.get("counts") {
        Some(counts) => read_classes(&counts),
        None => Some(vec![Class::Marketing, Class::Service]),
    };
    table.not_yet(&["capped"]);
    table.finish();
    Some(Cap { channel: channel?, max: u32::try_from(max?).ok()?, per: per?, counts: counts? })
}

/// The channel; inside none for all.
fn read_scope(node: &Node<'_>) -> Option<Option<Box<str>>> {
    let text = node.text()?;
    match text.split_once(':') {
        None if text == "global" => return Some(None),
        Some(("channel", name)) if !name.trim().is_empty() => return Some(Some(name.into())),
        Some(("tag", _)) => node.error("a scope of `tag:` is not supported yet"),
        _ => {
            let help = Some("it is `global` or `channel:NAME`".to_owned());
            node.unknown("scope", text, ["global"], help);
        }
    }
    None
}

fn read_classes(node: &Node<'_>) -> Option<Vec<Class>> {
    let mut classes = Vec::new();
    let list = node.list()?;
    if list.is_empty() {
        node.error("the cap counts nothing");
    }
    for item in list {
        match item.choice("class", &CLASSES)? {
            Class::Transactional => item.error("transactional messages pass every cap"),
            class if classes.contains(&class) => item.error("the class is named twice"),
            class => classes.push(class),
        }
    }
    Some(classes)
}
