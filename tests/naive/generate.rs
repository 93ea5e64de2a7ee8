//! # generate: a scenario from a seed
//! Definitions and inputs that meet: the same few names, values, instants and durations in both,
//! so that boundaries are hit exactly and often.

use super::Scenario;
use super::ast::{
    AffinityRule, Aggregate, Comparison, Definitions, Events, Expr, PARTS_MAX, Segment, Source, Step,
};
use super::ast::{Window, events, text};
use super::clock::{DAY, HOUR, MINUTE};
use super::conditions::Maker;
use super::frame::{self, Frame, one_in, pick};
use super::inputs::Inputs;
use fastrand::Rng;
use std::collections::BTreeMap;

/// The segment that keeps everything, where definitions change what they ask for.
pub(crate) const KEEPER: &str = "keeper";

/// The scenario of a seed: always the same one. Definitions stay as they are.
pub(crate) fn scenario(seed: u64) -> Scenario {
    by_chance(seed, false)
}

/// The same with other definitions now and then.
pub(crate) fn redefined(seed: u64) -> Scenario {
    by_chance(seed, true)
}

fn by_chance(seed: u64, redefines: bool) -> Scenario {
    let rng = &mut Rng::with_seed(seed);
    let inputs: Vec<u32> = (0..rng.usize(5..41)).map(|_| rng.u32(..)).collect();
    composed(rng.u64(..), &inputs, redefines)
}

/// Definitions from one seed and inputs from a seed each, so that whoever seeks a difference can
/// change one input and leave the rest.
pub(crate) fn composed(seed: u64, inputs: &[u32], redefines: bool) -> Scenario {
    let rng = &mut Rng::with_seed(seed);
    let frame = Frame::random(rng);
    let definitions = schema(rng, &frame);
    let pace = (frame.end - frame.start) / frame.grid * 2 / inputs.len().max(1) as i64;
    let mut story = Inputs::new(rng, &frame, pace, redefines.then_some(&definitions));
    for seed in inputs {
        story.add(&mut Rng::with_seed(u64::from(*seed)));
    }
    let tail = frame.duration(rng).max(frame.duration(rng));
    let until = story.clock + tail.min(150 * frame.grid);
    let inputs = story.inputs;
    let style = (!one_in(rng, 3)).then(|| rng.u64(..));
    let mut scenario = Scenario { definitions, inputs, until, grid: frame.grid, style };
    add_segments(rng, &frame, &mut scenario);
    scenario
}

/// Definitions without segments.
fn schema(rng: &mut Rng, frame: &Frame) -> Definitions {
    Definitions {
        zone: zone(rng, frame),
        session_gap: session_gap(rng, frame),
        parts_max: parts_max(rng),
        strict: frame.strict,
        attributes: frame::attributes(),
        events: frame::events(),
        affinities: affinities(rng),
        segments: Vec::new(),
    }
}

fn zone(rng: &mut Rng, frame: &Frame) -> Option<String> {
    (!one_in(rng, 4)).then(|| pick(rng, frame.zones).to_owned())
}

/// Few parts are too many for some users soon.
fn parts_max(rng: &mut Rng) -> usize {
    if one_in(rng, 3) { rng.usize(1..4) } else { PARTS_MAX }
}

fn session_gap(rng: &mut Rng, frame: &Frame) -> Option<i64> {
    // The default of 30 minutes is on the finer grids only.
    let default_gap_fits = 30 * MINUTE % frame.grid == 0;
    if default_gap_fits && rng.bool() { None } else { Some(frame.duration(rng)) }
}

/// Later segments refer to earlier ones; then they are shuffled, for definition order is free.
fn add_segments(rng: &mut Rng, frame: &Frame, scenario: &mut Scenario) {
    // What was kept under definitions that are gone is nobody's business here: either all of them
    // keep everything for ever, or later ones ask for nothing that those before did not ask for.
    let keeps_all = scenario.all_definitions().len() > 1 && rng.u32(0..3) < 2;
    for number in 0..rng.usize(2..6) {
        add_segment(rng, frame, scenario, 0, &format!("s{number}"));
    }
    for which in 1..scenario.all_definitions().len() {
        let mut before = scenario.all_definitions()[which - 1].segments.clone();
        scenario.definitions_mut(which).zone = zone(rng, frame);
        scenario.definitions_mut(which).parts_max = parts_max(rng);
        if keeps_all {
            if rng.bool() {
                scenario.definitions_mut(which).session_gap = session_gap(rng, frame);
            }
            change_segments(rng, frame, scenario, which, before);
        } else {
            drop_segments(rng, which, &mut before);
            scenario.definitions_mut(which).segments = before;
        }
    }
    for which in 0..scenario.all_definitions().len() {
        let segments = &mut scenario.definitions_mut(which).segments;
        segments.extend(keeps_all.then(|| keeper(frame)));
        rng.shuffle(segments);
    }
}

/// Adds a segment to definitions. A few tries for one that somebody enters and leaves; the last is
/// taken as it is.
fn add_segment(rng: &mut Rng, frame: &Frame, scenario: &mut Scenario, which: usize, name: &str) {
    for tries_left in (0..5).rev() {
        let known = scenario.all_definitions()[which].segments.clone();
        let segment = segment(rng, frame, name, &known);
        scenario.definitions_mut(which).segments.push(segment);
        let changes = super::run(scenario, &|segment| segment.name == name).changes.len();
        if changes > 1 || tries_left == 0 {
            break;
        }
        scenario.definitions_mut(which).segments.pop();
    }
}

/// Segments that stay, get another condition or another name, or go; and new ones.
fn change_segments(
    rng: &mut Rng,
    frame: &Frame,
    scenario: &mut Scenario,
    which: usize,
    before: Vec<Segment>,
) {
    let mut gone = vec![format!("t{which}"), format!("t{which}x")];
    for segment in before {
        let defined = &mut scenario.definitions_mut(which).segments;
        let names: Vec<String> = defined.iter().map(|s| s.name.clone()).collect();
        // Nothing that it refers to is gone: all that it could refer to stands before it.
        let stands = segment.when.references().iter().all(|r| names.iter().any(|n| n == r));
        match rng.u32(0..10) {
            0..5 if stands => defined.push(segment),
            5 if stands => {
                defined.push(Segment { name: format!("{}r{which}", segment.name), ..segment });
            }
            6 | 7 => gone.push(segment.name),
            _ => add_segment(rng, frame, scenario, which, &segment.name),
        }
    }
    for _ in 0..rng.usize(0..3) {
        let name = gone.swap_remove(rng.usize(0..gone.len()));
        add_segment(rng, frame, scenario, which, &name);
    }
}

/// Segments that stay, go, get another name, or ask in another way for what was asked for before.
fn drop_segments(rng: &mut Rng, which: usize, segments: &mut Vec<Segment>) {
    for place in (0..segments.len()).rev() {
        let name = &segments[place].name;
        if segments.iter().any(|s| s.when.references().contains(&name.as_str())) {
            continue;
        }
        match rng.u32(0..10) {
            0..3 => drop(segments.remove(place)),
            3 => segments[place].name = format!("{name}r{which}"),
            4..7 => {
                let by = segments[place].by.clone();
                let alike: Vec<&Segment> = segments[..=place].iter().filter(|s| s.by == by).collect();
                let (a, b) = (pick(rng, &alike).when.clone(), pick(rng, &alike).when.clone());
                segments[place].when = match rng.u32(0..3) {
                    0 => a.and(b.negated()),
                    1 => a.or(b),
                    _ => a.negated(),
                };
            }
            _ => {}
        }
    }
}

fn segment(rng: &mut Rng, frame: &Frame, name: &str, known: &[Segment]) -> Segment {
    let by = one_in(rng, 3).then(|| pick(rng, &["sku", "city", "category"]));
    let depth = rng.u32(1..4);
    let mut maker = Maker { rng, frame, known, by };
    let when = maker.condition(depth);
    Segment { name: name.to_owned(), by: by.map(str::to_owned), when }
}

/// A segment that nobody is ever in, and that reads every property of every event for ever. It names
/// the events: what only `any` reads is kept without its name.
fn keeper(frame: &Frame) -> Segment {
    let present = |name: &str| Expr::IsPresent(Box::new(Expr::Property(name.to_owned())));
    let any_of = |names: &[&str]| {
        let all = names.iter().map(|name| present(name));
        all.reduce(Expr::or).expect("names are given")
    };
    let pair = |source: Source, condition: Expr| {
        let first = Step { negative: false, source, condition: Some(Box::new(condition)), within: None };
        let then = Step { negative: false, source: Source::Any, condition: None, within: None };
        Expr::Sequence(vec![first, then], Window::All)
    };
    let mut names: Vec<String> = frame::properties().into_iter().map(|(name, _)| name).collect();
    names.extend(["context.device.type", "context.campaign.source"].map(str::to_owned));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let named = |names: &[&str]| Source::Named(names.iter().map(|n| (*n).to_owned()).collect());
    let kinds: Vec<&str> = [&frame::EVENTS[..], &["page", "screen"]].concat();
    let rows = Events { source: Source::Rows("order".to_owned(), "products".to_owned()), ..events("order") };
    let rows = rows.of("sku").filter(any_of(&["sku", "category", "price", "quantity", "event.channel"]));
    let affinity = |property: &str| {
        let share = Expr::Affinity(property.to_owned(), "nothing".to_owned());
        share.compare(Comparison::Ge, super::events::int(0))
    };
    let mut everything = vec![
        pair(Source::Any, any_of(&names)),
        pair(named(&kinds), any_of(&names)),
        pair(named(&["order"]), present("channel")),
        pair(named(&["page", "screen"]), present("name")),
        Expr::Aggregate(Aggregate::Distinct, rows).compare(Comparison::Gt, super::events::int(0)),
        affinity("category"),
        affinity("city"),
    ];
    if !frame.strict {
        everything.push(pair(named(&["unlisted"]), any_of(&["city"])));
    }
    let everything = everything.into_iter().reduce(Expr::or).expect("several");
    let nobody =
        Expr::Attribute("country".to_owned()).compare(Comparison::Eq, Expr::Literal(text("nowhere")));
    Segment { name: KEEPER.to_owned(), by: None, when: everything.and(nobody) }
}

fn affinities(rng: &mut Rng) -> BTreeMap<String, AffinityRule> {
    let mut affinities = BTreeMap::new();
    for property in ["category", "city"] {
        if rng.bool() {
            let weights = [("view", 1.0), ("search", 2.0), ("purchase", 5.0)];
            let weights = weights.map(|(name, weight)| (name.to_owned(), weight)).to_vec();
            let rule = AffinityRule {
                half_life: rng.bool().then(|| pick(rng, &[HOUR, DAY, 7 * DAY])),
                weights: rng.bool().then_some(weights),
            };
            affinities.insert(property.to_owned(), rule);
        }
    }
    affinities
}
