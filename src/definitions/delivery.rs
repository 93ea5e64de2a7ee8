//! `[delivery]`: quiet hours, caps, throttles, and how the best hour to send is found.

use crate::definitions::journeys::read_names;
use crate::definitions::reader::{Node, Table};
use crate::journey::{
    Cap, CapPeriod, CapScope, Capped, Class, DeliveryPolicy, OnQuiet, Quiet, SendTimePolicy, Throttle,
};
use crate::trigger::QuietHours;

pub(super) const CLASSES: [(&str, Class); 3] =
    [("marketing", Class::Marketing), ("service", Class::Service), ("transactional", Class::Transactional)];

pub(super) fn read(root: &mut Table<'_>) -> DeliveryPolicy {
    let mut policy = DeliveryPolicy::default();
    let Some(mut table) = root.get("delivery").and_then(|node| node.table()) else { return policy };
    if let Some(quiet) = table.get("quiet").and_then(|node| node.table()) {
        for channel in quiet.nodes().iter().filter(|node| node.is_named()) {
            if let Some(quiet) = read_quiet(channel) {
                policy.quiet.insert(channel.key.into(), quiet);
            }
        }
    }
    let caps = table.get("cap").and_then(|node| node.list()).unwrap_or_default();
    policy.caps.extend(caps.iter().filter_map(read_cap));
    if let Some(throttles) = table.get("throttle").and_then(|node| node.table()) {
        for channel in throttles.nodes().iter().filter(|node| node.is_named()) {
            if let Some(throttle) = read_throttle(channel) {
                policy.throttles.insert(channel.key.into(), throttle);
            }
        }
    }
    policy.dedup = table.get("dedup").and_then(|dedup| dedup.duration());
    policy.answers = table.get("answers").and_then(|answers| answers.duration());
    policy.send_time = table.get("send_time").and_then(|node| read_send_time(&node));
    table.finish();
    policy
}

/// `{ from = "22:00", to = "08:00", on = "defer" }`
fn read_quiet(node: &Node<'_>) -> Option<Quiet> {
    let mut table = node.table()?;
    let mut time = |key| table.require(key)?.time();
    let (from, to) = (time("from"), time("to"));
    let rules = [("defer", OnQuiet::Defer), ("drop", OnQuiet::Drop), ("bypass", OnQuiet::Bypass)];
    let on = table.get("on").and_then(|on| on.choice("rule", &rules)).unwrap_or_default();
    table.finish();
    match QuietHours::new(from?, to?) {
        Ok(hours) => Some(Quiet { hours, on }),
        Err(_) => {
            node.error_help(
                "the quiet hours end when they begin",
                "leave the channel out if it is never quiet",
            );
            None
        }
    }
}

/// `{ max = 600, per = "1m", burst = 50 }`
fn read_throttle(node: &Node<'_>) -> Option<Throttle> {
    let mut table = node.table()?;
    let most = i64::from(u32::MAX);
    let max = table.require("max").and_then(|max| max.integer_in(1, most));
    let per = table.require("per").and_then(|per| per.duration());
    let burst = table.get("burst").map_or(Some(1), |burst| burst.integer_in(1, most));
    table.finish();
    Some(Throttle { max: u32::try_from(max?).ok()?, per: per?, burst: u32::try_from(burst?).ok()? })
}

/// `{ explore = 0.05, half_life = "45d", segments = ["night_owls"], fallback = "19:00" }`
fn read_send_time(node: &Node<'_>) -> Option<SendTimePolicy> {
    let mut table = node.table()?;
    let mut policy = SendTimePolicy::default();
    if let Some(explore) = table.get("explore").and_then(|explore| explore.weight(1.0)) {
        policy.explore = explore;
    }
    if let Some(half_life) = table.get("half_life").and_then(|half_life| half_life.duration()) {
        policy.half_life = half_life;
    }
    policy.segments = table.get("segments").map(|segments| read_names(&segments)).unwrap_or_default();
    policy.fallback = table.get("fallback").and_then(|fallback| fallback.time());
    table.finish();
    Some(policy)
}

fn read_cap(node: &Node<'_>) -> Option<Cap> {
    let mut table = node.table()?;
    let scope = table.require("scope").and_then(|scope| read_scope(&scope));
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
    let rules = [("skip", false), ("defer", true)];
    let defers = table.get("capped").and_then(|capped| capped.choice("rule", &rules)).unwrap_or(false);
    let capped = if defers { Capped::Defer } else { Capped::Skip };
    table.finish();
    Some(Cap { scope: scope?, max: u32::try_from(max?).ok()?, per: per?, counts: counts?, capped })
}

fn read_scope(node: &Node<'_>) -> Option<CapScope> {
    let text = node.text()?;
    match text.split_once(':') {
        None if text == "global" => return Some(CapScope::Global),
        Some(("channel", name)) if !name.trim().is_empty() => return Some(CapScope::Channel(name.into())),
        Some(("tag", name)) if !name.trim().is_empty() => return Some(CapScope::Tag(name.into())),
        _ => {
            let help = Some("it is `global`, `channel:NAME` or `tag:NAME`".to_owned());
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
