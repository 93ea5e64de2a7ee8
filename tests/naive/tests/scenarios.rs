//! # scenarios: parts, lateness and the laws of generated scenarios

use super::*;
use std::time::{Duration, Instant};

fn scenario(segments: Vec<Segment>, messages: Vec<String>, until: Millis) -> Scenario {
    let definitions = Definitions { segments, ..definitions() };
    let inputs = messages.into_iter().map(Input::Message).collect();
    Scenario { definitions, inputs, until, grid: MINUTE, style: None }
}

fn told(changes: &[Change]) -> Vec<String> {
    let one = |change: &Change| {
        let verb = if change.entered { "entered" } else { "left" };
        let key = change.key.as_ref().map_or(String::new(), |key| match key {
            Key::Number(n) => format!("[{n}]"),
            Key::Text(s) => format!("[{s}]"),
        });
        format!("{} {verb} {}{key}", change.at - T0, change.segment)
    };
    changes.iter().map(one).collect()
}

#[test]
fn parts_live_as_long_as_what_they_read() {
    let search = events("search").during(Window::In(HOUR));
    let booking = events("booking").during(Window::In(2 * HOUR));
    let when = aggregate(Agg::Did, search.clone()).negated();
    let when = when.and(aggregate(Agg::Did, booking).negated());
    let segments = vec![
        Segment { name: "idle".to_owned(), by: Some("city".to_owned()), when },
        Segment { name: "any_idle".to_owned(), by: None, when: Expr::Segment("idle".to_owned()) },
        Segment {
            name: "searching".to_owned(),
            by: Some("city".to_owned()),
            when: aggregate(Agg::Did, search),
        },
    ];
    // Every booking holds `did` for as long as the part lives; only another window shows a gap.
    let messages = vec![
        line(T0, "search", json!({ "city": "Rome" })),
        line(T0, "search", json!({ "city": 7 })),
        line(T0 + 30 * MINUTE, "booking", json!({ "city": "Rome" })),
        line(T0 + 40 * MINUTE, "search", json!({ "city": true })),
    ];
    let changes = changes(&scenario(segments, messages, T0 + 5 * HOUR));
    let expected = [
        "0 entered searching[Rome]",
        "0 entered searching[7]",
        "3600000 left searching[7]",
        "3600000 left searching[Rome]",
    ];
    assert_eq!(told(&changes), expected);
}

#[test]
fn a_lost_part_that_was_a_member_is_left() {
    let when = aggregate(Agg::Count, events("search").during(Window::In(HOUR)));
    let quiet = when.compare(Cmp::Lt, lit(1));
    let long = aggregate(Agg::Count, events("search").during(Window::In(2 * HOUR)));
    let when = quiet.and(long.compare(Cmp::Lt, lit(9)));
    let segment = Segment { name: "quiet".to_owned(), by: Some("city".to_owned()), when };
    let some = Expr::Some("city".to_owned(), Box::new(segment.when.clone()));
    let segments = vec![segment, Segment { name: "someone".to_owned(), by: None, when: some }];
    let messages = vec![line(T0, "search", json!({ "city": "Rome" }))];
    let changes = changes(&scenario(segments, messages, T0 + 5 * HOUR));
    let expected = [
        "3600000 entered quiet[Rome]",
        "3600000 entered someone",
        "7200000 left quiet[Rome]",
        "7200000 left someone",
    ];
    assert_eq!(told(&changes), expected);
}

#[test]
fn late_messages_are_reported_at_the_clock() {
    let when = aggregate(Agg::Did, events("view").during(Window::In(HOUR)));
    let segments = vec![Segment { name: "active".to_owned(), by: None, when }];
    let messages = vec![
        line(T0 + 50 * MINUTE, "other", json!({})),
        line(T0, "view", json!({})),
        line(T0 - HOUR, "view", json!({})),
    ];
    let changes = changes(&scenario(segments, messages, T0 + 2 * HOUR));
    assert_eq!(told(&changes), ["3000000 entered active", "3600000 left active"]);
}

#[test]
fn seeds_make_scenarios_that_change() {
    const SEEDS: u32 = 500;
    let (mut lively, mut by_time, mut total) = (0, 0, 0);
    let (mut spent, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for seed in 0..u64::from(SEEDS) {
        let scenario = generate::scenario(seed);
        let started = Instant::now();
        let changes = changes(&scenario);
        spent += started.elapsed();
        slowest = slowest.max(started.elapsed());
        let inputs: Vec<Millis> = scenario.inputs.iter().map(Input::at).collect();
        lively += usize::from(!changes.is_empty());
        by_time += changes.iter().filter(|c| !inputs.contains(&c.at)).count();
        total += changes.len();
        assert!(changes.is_sorted_by_key(|c| c.at), "seed {seed}");
    }
    println!("{lively} of {SEEDS} change; {by_time} of {total} changes by time alone");
    println!("mean {:?}, slowest {slowest:?}", spent / SEEDS);
    assert!(lively > 450, "{lively}");
}

#[test]
fn a_seed_makes_the_same_scenario_each_time() {
    let (one, two) = (generate::scenario(7), generate::scenario(7));
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    assert_eq!(one.text(&one.definitions), two.text(&two.definitions));
}

/// The invariant on which `changes` rests, seen between messages.
#[test]
fn a_finer_grid_shows_nothing_more() {
    for seed in 2_000..2_150 {
        let scenario = generate::scenario(seed);
        let finer = Scenario { grid: scenario.grid / 5, ..scenario.clone() };
        assert_eq!(changes(&scenario), changes(&finer), "seed {seed}");
    }
}

/// The same after the last message, a millisecond before each line of the grid too.
#[test]
fn truth_changes_only_on_the_grid() {
    for seed in 1_000..1_100 {
        let scenario = generate::scenario(seed);
        let (tree, grid) = (&scenario.definitions, scenario.grid);
        let mut history = History::default();
        let mut clock = Millis::MIN;
        for input in &scenario.inputs {
            clock = clock.max(input.at());
            if let Input::Message(line) = input
                && !history.refuses(&read(line), input.at())
            {
                history.apply(tree, &read(line), input.at());
            }
        }
        let lines = polls(clock, scenario.until, grid).filter(|at| at % grid == 1);
        let users = history.in_order();
        for (at, (_, _, user)) in lines.flat_map(|at| users.iter().map(move |u| (at, u))) {
            for segment in &tree.segments {
                let members = |at| eval::members(tree, user, segment, at);
                let after = members(at);
                for later in [1, grid / 3, grid / 2 + 7, grid - 2] {
                    assert_eq!(after, members(at + later), "seed {seed}, {} at {at}", segment.name);
                }
            }
        }
    }
}
