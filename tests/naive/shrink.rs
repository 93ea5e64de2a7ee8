//! # shrink: a scenario made as small as it can be and still differ
//! Drops inputs, segments and halves of conditions one at a time, again and again, until nothing
//! more can go. Knows nothing of what is wrong: it only asks.

use super::ast::{Definitions, Expr, Segment};
use super::generate::KEEPER;
use super::{Input, Scenario};
use std::ops::Range;

/// The smallest scenario found for which `differs` still holds.
pub(crate) fn smallest(mut scenario: Scenario, differs: &dyn Fn(&Scenario) -> bool) -> Scenario {
    let plain = Scenario { style: None, ..scenario.clone() };
    if differs(&plain) {
        scenario = plain;
    }
    // Halves, quarters … of the inputs first: most of them have nothing to do with it.
    let mut length = scenario.inputs.len();
    while length > 0 {
        let mut from = 0;
        while from < scenario.inputs.len() {
            let mut fewer = scenario.clone();
            fewer.inputs.drain(from..(from + length).min(scenario.inputs.len()));
            if differs(&fewer) {
                scenario = fewer;
            } else {
                from += length;
            }
        }
        length /= 2;
    }
    while let Some(smaller) = smaller(&scenario).into_iter().find(|smaller| differs(smaller)) {
        scenario = smaller;
    }
    scenario
}

/// Every scenario with one thing less.
fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut found = Vec::new();
    for place in 0..scenario.inputs.len() {
        let mut fewer = scenario.clone();
        fewer.inputs.remove(place);
        found.push(fewer);
    }
    let definitions = scenario.all_definitions();
    let mut conditions: Vec<&Segment> = definitions.iter().flat_map(|of| &of.segments).collect();
    conditions.retain(|segment| segment.name != KEEPER);
    let each = (0..definitions.len()).map(|which| which..which + 1);
    for which in each.chain(std::iter::once(0..definitions.len())) {
        for segment in &conditions {
            let same = |other: &Segment| other.by == segment.by && other.when == segment.when;
            found.push(changed(scenario, which.clone(), &|segments| segments.retain(|s| !same(s))));
            for part in parts(&segment.when) {
                found.push(changed(scenario, which.clone(), &|segments| {
                    segments.iter_mut().filter(|s| same(s)).for_each(|s| s.when = part.clone());
                }));
            }
        }
    }
    // Shorter each time, so that it ends.
    let length = shown(scenario).len();
    found.retain(|smaller| shown(smaller).len() < length && is_fair(smaller));
    found
}

/// Changes the segments of some definitions.
fn changed(scenario: &Scenario, which: Range<usize>, change: &dyn Fn(&mut Vec<Segment>)) -> Scenario {
    let mut changed = scenario.clone();
    for which in which {
        change(&mut changed.definitions_mut(which).segments);
    }
    changed
}

/// Whether every reference is to a segment that is defined; and, without a keeper, whether later
/// definitions ask only for what those before asked for, for nothing else was kept.
fn is_fair(scenario: &Scenario) -> bool {
    let definitions = scenario.all_definitions();
    let defined = |of: &Definitions, name: &str| of.segments.iter().any(|s| s.name == name);
    let whole = definitions.iter().all(|of| {
        let mut names = of.segments.iter().flat_map(|s| s.when.references());
        names.all(|name| defined(of, name))
    });
    let atoms = |of: &Definitions| -> Vec<(Option<String>, Expr)> {
        let each = of.segments.iter().map(|s| s.when.atoms().into_iter().map(|a| (s.by.clone(), a.clone())));
        each.flatten().collect()
    };
    whole
        && definitions.windows(2).all(|pair| {
            let before = atoms(pair[0]);
            defined(pair[0], KEEPER) || atoms(pair[1]).iter().all(|atom| before.contains(atom))
        })
}

/// The condition with one of its operators replaced by one of its sides.
fn parts(expr: &Expr) -> Vec<Expr> {
    let rebuilt = |a: &Expr, b: &Expr, join: fn(Expr, Expr) -> Expr| {
        let mut found = vec![a.clone(), b.clone()];
        found.extend(parts(a).into_iter().map(|part| join(part, b.clone())));
        found.extend(parts(b).into_iter().map(|part| join(a.clone(), part)));
        found
    };
    match expr {
        Expr::And(a, b) => rebuilt(a, b, Expr::and),
        Expr::Or(a, b) => rebuilt(a, b, Expr::or),
        Expr::Not(a) => {
            let inner = parts(a).into_iter().map(Expr::negated);
            [(**a).clone()].into_iter().chain(inner).collect()
        }
        _ => Vec::new(),
    }
}

/// A scenario as a person reads it: definitions and inputs in order.
pub(crate) fn shown(scenario: &Scenario) -> String {
    let segments = |definitions: &Definitions| {
        let text = scenario.text(definitions);
        // The schema is the same in all scenarios.
        let settings = text.split("[attributes]").next().unwrap_or_default().to_owned();
        let rest = text.find("[affinity").or(text.find("[segments]")).unwrap_or_default();
        format!("{settings}{}", &text[rest..])
    };
    let mut shown = segments(&scenario.definitions);
    for input in &scenario.inputs {
        shown.push('\n');
        match input {
            Input::Message(line) => shown.push_str(line),
            Input::Advance(at) => shown.push_str(&format!("advance to {at}")),
            Input::Redefine(at, definitions) => {
                shown.push_str(&format!("from {at} on:\n{}", segments(definitions)));
            }
        }
    }
    format!("{shown}\nadvance to {}", scenario.until)
}
