//! What is asked once agrees with what is maintained, over random definitions and messages.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

#[allow(dead_code)] // the twin itself is not asked here
mod naive;

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use naive::ast::Segment;
use naive::render::{Style, expression};
use naive::{Scenario, law};
use std::ops::ControlFlow;

const SEEDS: u64 = 60;

/// The partition at the end of a scenario.
fn run(seed: u64, scenario: &Scenario) -> Partition {
    law::played(scenario).unwrap_or_else(|error| panic!("seed {seed}: {error}")).0
}

fn text(segment: &Segment) -> String {
    expression(&segment.when, &mut Style::plain())
}

#[test]
fn explanations_say_what_memberships_say() {
    let mut members = 0;
    for seed in 0..SEEDS {
        let scenario = naive::generate::scenario(seed);
        let partition = run(seed, &scenario);
        let now = partition.clock();
        for segment in &scenario.definitions.segments {
            let name = &*segment.name;
            for user in partition.users() {
                let is_member = partition.is_member(&user, name);
                members += usize::from(is_member);
                let explanation = partition.explain(&user, name, now).unwrap();
                let why = partition.why_not(&user, name, now).unwrap();
                let place =
                    || format!("seed {seed}, {user} in {name}\n{explanation}\n{why}\n{}", text(segment));
                assert_eq!(explanation.holds, is_member, "{}", place());
                assert_eq!(why.holds, is_member, "{}", place());
                if segment.by.is_none() {
                    // The text itself, below the title.
                    assert_eq!(explanation.because[0].holds, is_member, "{}", place());
                }
                // What time alone will do, it does.
                if let Some(until) = why.until.filter(|_| why.key.is_none()) {
                    let later = partition.explain(&user, name, until).unwrap();
                    assert_ne!(later.holds, is_member, "{}", place());
                }
            }
        }
    }
    assert!(members as u64 > SEEDS, "{members}");
}

#[test]
fn an_expression_has_the_members_of_an_equal_segment() {
    let (mut compared, mut not_covered) = (0, 0);
    for seed in 0..SEEDS {
        let scenario = naive::generate::scenario(seed);
        let maintained = run(seed, &scenario);
        let now = maintained.clock();
        // A visitor may have the name of somebody else's earlier id, and is not found by it.
        let is_named = |user: &str| maintained.profile(user).is_some_and(|known| known.user == user);
        for (number, segment) in scenario.definitions.segments.iter().enumerate() {
            let name = &*segment.name;
            let asked = match segment.by {
                None => text(segment),
                Some(_) => format!("segment(\"{name}\")"),
            };
            // Beside definitions that have it: kinds, properties and texts have other numbers, all is kept.
            let whole = maintained.expression(&asked).unwrap();
            let mut members = 0;
            for user in maintained.users() {
                let answer = maintained.evaluate(&whole, &user, now).unwrap();
                let place = || format!("seed {seed}, {user} in {name}: {answer:?}\n{asked}");
                assert_eq!(answer.holds, maintained.is_member(&user, name), "{}", place());
                assert_eq!(answer.covered_since, None, "{}", place());
                members += usize::from(answer.holds && is_named(&user));
            }
            let survey = maintained.evaluate_all(&whole, 10, now, |_| ControlFlow::Continue(())).unwrap();
            assert_eq!(survey.matching, survey.users.len());
            assert_eq!(survey.users.iter().filter(|user| is_named(user)).count(), members);

            // Beside definitions that lack it, where what they keep is enough.
            let mut without = scenario.clone();
            without.definitions.segments.remove(number);
            let reduced = without.text(&without.definitions);
            if segment.by.is_some() || Definitions::from_toml(&reduced).is_err() {
                continue; // another segment refers to it
            }
            let partition = run(seed, &without);
            let Ok(alone) = partition.expression(&asked) else { panic!("seed {seed}: {asked}") };
            for user in partition.users() {
                let answer = partition.evaluate(&alone, &user, now).unwrap();
                if answer.covered_since.is_some() {
                    not_covered += 1;
                    continue;
                }
                compared += 1;
                let place = || format!("seed {seed}, {user} in {name}: {answer:?}\n{asked}\n{reduced}");
                assert_eq!(answer.holds, maintained.is_member(&user, name), "{}", place());
            }
        }
    }
    assert!(compared > 100 && not_covered > 100, "{compared} {not_covered}");
}
