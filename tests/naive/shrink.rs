//! # shrink: a scenario made as small as it can be and still differ
//! Drops inputs, segments and halves of conditions one at a time, again and again, until nothing
//! more can go. Knows nothing of what is wrong: it only asks.

use super::ast::{Definitions, Expr, Segment};
use super::generate::KEEPER;
use super::{Input, Scenario};

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
    for (which, definitions) in scenario.all_definitions().into_iter().enumerate() {
        let segments = &definitions.segments;
        for segment in segments.iter().filter(|s| s.name != KEEPER) {
            let refers = |s: &Segment| s.when.references().contains(&segment.name.as_str());
            if !segments.iter().any(refers) {
                found.push(changed(scenario, which, segment, &|of, place| drop(of.remove(place))));
            }
            for part in parts(&segment.when) {
                found.push(changed(scenario, which, segment, &|of, place| of[place].when = part.clone()));
            }
        }
    }
    found
}

/// Changes a segment of some definitions. Without a keeper later ones may ask only for what those
/// before asked for too: then it is changed in all of them.
fn changed(
    scenario: &Scenario,
    which: usize,
    segment: &Segment,
    change: &dyn Fn(&mut Vec<Segment>, usize),
) -> Scenario {
    let mut changed = scenario.clone();
    let keeps_all = scenario.definitions.segments.iter().any(|s| s.name == KEEPER);
    let all = 0..scenario.all_definitions().len();
    for which in if keeps_all { which..which + 1 } else { all } {
        let segments = &mut changed.definitions_mut(which).segments;
        for place in (0..segments.len()).rev() {
            if (&segments[place].by, &segments[place].when) == (&segment.by, &segment.when) {
                change(segments, place);
            }
        }
    }
    changed
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
