//! Experiments in journeys: who goes which way, who takes no part, and what is recorded of it.

use crate::steps::SHOP;
use crate::story::{Story, at, check, read};
use bespoke::engine::{Engine, Error, simulate};
use bespoke::experiment::{Assignment, Experiment, Outside};
use bespoke::journey::Drawing;
use bespoke::model::{Consent, Ids, Message};
use std::collections::BTreeMap;

/// A journey that parts users by an experiment.
const TEST: &str = "
    [journeys.j]
    enter = { event = 'add' }
    step = [
        { id = 'part', experiment = 'subject', to = { b = 'mail' } },
        { id = 'push', send = { channel = 'push', template = 't' } },
        { id = 'stop', goto = 'end' },
        { id = 'mail', send = { channel = 'email', template = 't' } },
    ]";

fn test(experiment: &str) -> String {
    format!("{SHOP}[experiments.subject]\narms = {{ a = 50, b = 50 }}\n{experiment}\n{TEST}")
}

#[test]
fn an_arm_leads_to_its_step_and_whoever_takes_no_part_goes_on() {
    check(
        &test("audience = 'tier = \"gold\"'"),
        "09:00 ada identify tier=gold
        09:00 cy identify tier=gold
        10:00 ada add
        10:00 bob add
        10:00 cy add",
        "10:00 ada j: entered
        10:00 ada j, step part: split to a
        10:00 ada j, step push: sent by push
        10:00 ada j: completed
        10:00 bob j: entered
        10:00 bob j, step part: outside the experiment: not in the audience
        10:00 bob j, step push: sent by push
        10:00 bob j: completed
        10:00 cy j: entered
        10:00 cy j, step part: split to b
        10:00 cy j, step mail: sent by email
        10:00 cy j: completed",
    );
}

#[test]
fn an_exposure_is_recorded_once_and_is_an_event_like_others() {
    let definitions = format!(
        "{}
        [segments]
        seen = 'did(experiment.exposed where experiment = \"subject\" and arm = \"b\" in 1d)'
        [journeys.told]
        enter = {{ event = 'experiment.exposed', where = \"arm = 'b'\" }}
        step = [{{ id = 'w', wait = '1h' }}]",
        test("")
    );
    check(
        &definitions,
        "10:00 ada add
        10:00 bob add
        11:30 ada add
        11:30 bob add",
        "10:00 ada j: entered
        10:00 ada j, step part: split to a
        10:00 ada j, step push: sent by push
        10:00 ada j: completed
        10:00 bob j: entered
        10:00 bob j, step part: split to b
        10:00 bob told: entered
        10:00 bob told, step w: waits until 11:00
        10:00 bob j, step mail: sent by email
        10:00 bob j: completed
        11:00 bob told: completed
        11:30 ada j: entered
        11:30 ada j, step part: split to a
        11:30 ada j, step push: sent by push
        11:30 ada j: completed
        11:30 bob j: entered
        11:30 bob j, step part: split to b
        11:30 bob j, step mail: sent by email
        11:30 bob j: completed",
    );
    let mut story = Story::new(&read(&definitions));
    story.tell("10:00 ada add\n10:00 bob add\n11:00 ada add\n11:00 bob add");
    let mut exposures = Vec::new();
    for user in ["ada", "bob"] {
        let exported = story.partition.export(user).unwrap().exposures;
        exposures.extend(exported.iter().map(|exposure| format!("{user} {} {}", exposure.arm, exposure.at)));
        assert_eq!(story.partition.profile(user).unwrap().exposures, exported);
    }
    assert_eq!(exposures, ["ada a 2026-11-23T10:00:00Z", "bob b 2026-11-23T10:00:00Z"]);
    assert!(story.partition.is_member("bob", "seen") && !story.partition.is_member("ada", "seen"));
}

/// Whoever comes to see another arm was exposed to both, each once.
#[test]
fn who_crosses_over_is_exposed_to_both_arms() {
    let text = |weights: &str| {
        format!(
            "{SHOP}[experiments.subject]\narms = {weights}\n{TEST}
            [segments]\nseen = 'count(experiment.exposed) >= 2'"
        )
    };
    let mut story = Story::new(&read(&text("{ a = 1, b = 0 }")));
    story.tell("10:00 ada add");
    story.partition.redefine(&read(&text("{ a = 0, b = 1 }")), at("10:30"));
    story.tell("11:00 ada add");
    story.partition.redefine(&read(&text("{ a = 1, b = 0 }")), at("11:30"));
    story.tell("12:00 ada add");
    let exposures = story.partition.profile("ada").unwrap().exposures;
    let seen: Vec<_> = exposures.iter().map(|seen| (seen.arm.as_str(), seen.at)).collect();
    assert_eq!(seen, [("a", at("10:00")), ("b", at("11:00"))]);
    assert!(story.partition.is_member("ada", "seen"));
}

/// Nobody who is held out sees an arm. Of all others it is noted also where no definition asks: `analyse` does.
#[test]
fn nothing_is_noted_of_who_sees_nothing() {
    for (asks, holdout, expected) in [(true, 0, 1), (true, 100, 0), (false, 0, 1), (false, 100, 0)] {
        let mut text = test("").replace("[journeys.j]", &format!("[journeys.j]\nholdout = {holdout}"));
        if asks {
            text += "\n[segments]\nseen = 'did(experiment.exposed)'";
        }
        let mut story = Story::new(&read(&text));
        let told = story.tell("10:00 ada add");
        assert!(told.contains("split to"), "{told}");
        assert_eq!(story.partition.profile("ada").unwrap().exposures.len(), expected, "{asks} {holdout}");
    }
}

#[test]
fn engine_journey_and_experiment_agree() {
    let text = test("traffic = 60\nsalt = 'x'\naudience = 'tier = \"gold\"'")
        .replace("[experiments", "[consent]\nexperiment = { default = 'granted' }\n[experiments");
    let engine = Engine::builder(read(&text)).partitions(2).open().unwrap();
    let alone = Experiment::params("subject").arm("a", 50.0).arm("b", 50.0).traffic(60.0).salt("x").check();
    let alone = alone.unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..200 {
        let user = format!("u{n}");
        let expected = match n % 5 {
            0 => Assignment::Outside(Outside::Restricted),
            1 => Assignment::Outside(Outside::NoConsent),
            2 => Assignment::Outside(Outside::Audience),
            _ => match alone.arm(&user) {
                Some(arm) => Assignment::Arm(arm.into()),
                None => Assignment::Outside(Outside::Traffic),
            },
        };
        let tier = if n % 5 == 2 { "none" } else { "gold" };
        engine.ingest(Message::identify(user.as_str()).with("tier", tier), at("09:00")).unwrap();
        match n % 5 {
            0 => drop(engine.ingest(Message::restrict(user.as_str(), true), at("09:00")).unwrap()),
            1 => drop(
                engine
                    .ingest(Message::consent(user.as_str(), Consent::denied("experiment")), at("09:00"))
                    .unwrap(),
            ),
            _ => {}
        }
        assert_eq!(engine.arm(&user, "subject", at("09:30")).unwrap(), expected, "{user}");
        let outcome = engine.ingest(Message::track(user.as_str(), "add"), at("10:00")).unwrap();
        let said = outcome.notes.iter().find(|note| note.step.as_deref() == Some("part"));
        let said = said.map_or("nothing".to_owned(), |note| note.what.to_string());
        match expected {
            Assignment::Outside(Outside::Restricted) => assert_eq!(said, "nothing"),
            Assignment::Outside(why) => assert_eq!(said, format!("outside the experiment: {why}")),
            Assignment::Arm(arm) => assert_eq!(said, format!("split to {arm}")),
        }
        *counts.entry(said).or_default() += 1;
    }
    assert_eq!(counts.len(), 6, "{counts:?}");
    counts.remove("nothing");
    for (what, count) in counts {
        assert_eq!(engine.journey_counts()[&("j".to_owned(), what.clone())], count as u64, "{what}");
    }
    // Whoever is not known is drawn by the id, and in no audience.
    assert_eq!(engine.arm("nobody", "subject", at("10:00")).unwrap(), Assignment::Outside(Outside::Audience));
    let error = engine.arm("u3", "subjekt", at("10:00")).unwrap_err();
    assert!(matches!(error, Error::Unknown(_)));
    assert_eq!(error.to_string(), "unknown experiment `subjekt` (did you mean `subject`?)");
}

/// A visitor who turns out to be a user stays in the arm.
#[test]
fn an_arm_does_not_change_when_a_visitor_becomes_a_user() {
    let mut story = Story::new(&read(&test("")));
    for n in 0..50 {
        let (visitor, user) = (format!("v{n}"), format!("u{n}"));
        let view = Message::track(Ids::anonymous(visitor.as_str()), "view");
        story.partition.ingest(&view, at("10:00")).unwrap();
        let before = story.partition.arm(&visitor, "subject", at("10:00")).unwrap();
        story.partition.ingest(&Message::identify(Ids::both(user.as_str(), visitor)), at("10:01")).unwrap();
        assert_eq!(story.partition.arm(&user, "subject", at("10:02")).unwrap(), before);
    }
}

#[test]
fn a_journey_with_an_experiment_is_drawn_explained_and_simulated() {
    let definitions = read(&test("").replace("step = [", "step = [{ id = 'w', wait = '1h' },"));
    let mut story = Story::new(&definitions);
    story.tell("10:00 ada add\n10:00 bob add");
    let drawn = story.partition.draw_journey("j", Drawing::Mermaid).unwrap();
    for line in ["s1{\"part<br/>experiment subject\"}", "s1 -->|\"b\"| s4", "s1 -->|\"else\"| s2"] {
        assert!(drawn.contains(line), "{line}: {drawn}");
    }
    for user in ["ada", "bob"] {
        let arm = story.partition.arm(user, "subject", at("10:30")).unwrap();
        let why = story.partition.explain_journey(user, "j", at("10:30")).unwrap().to_string();
        assert!(why.contains(&format!("part: split to {}", arm.arm().unwrap())), "{why}");
        let messages = [Message::track(user, "add").at(at("10:00"))];
        let simulation = simulate(&definitions, &messages, at("12:00"));
        let channel = if arm.arm() == Some("b") { "email" } else { "push" };
        assert_eq!(&*simulation.actions[0].channel, channel);
    }
}

/// Instances go on under the version by which they entered: with its arms, and with an experiment that is gone.
#[test]
fn a_journey_goes_on_when_its_experiment_is_defined_otherwise_or_no_longer() {
    let waits = test("").replace("step = [", "step = [{ id = 'w', wait = '1h' },");
    let gone =
        format!("{SHOP}[journeys.j]\nenter = {{ event = 'add' }}\nstep = [{{ id = 'x', wait = '1d' }}]");
    let renamed = waits
        .replace("arms = { a = 50, b = 50 }", "arms = { x = 1, y = 1 }")
        .replace("b = 'mail'", "y = 'mail'");
    for (other, expected) in [(gone, "split to b"), (renamed, "split to y")] {
        let mut story = Story::new(&read(&waits));
        story.tell("10:00 bob add");
        let told = story.partition.redefine(&read(&other), at("10:30"));
        assert!(told.notes.is_empty(), "{:?}", told.notes);
        let told = story.tell("11:30 advance");
        assert!(told.contains(expected), "{told}");
        assert_eq!(story.partition.arm("bob", "subject", at("11:30")).is_ok(), expected == "split to y");
    }
}
