//! Every action of random journeys over random messages, compared with an interpreter that was written from the text of
//! the specification alone: its instant, user, journey, key, step and channel.
//!
//! `SEEDS` asks for more scenarios than the tests run by themselves, `FROM` for others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)] // a test may stop at what should not be

mod rules;
mod scenario;
mod twin;

use bespoke::definitions::Definitions;
use bespoke::engine::{Partition, simulate};
use bespoke::journey::{Note, What as Did};
use bespoke::model::{Duration, Instant, Message, Value};
use scenario::{Kind, Scenario};
use twin::{Happening, Sent, What};

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let from = number("FROM", 0);
    from..from + number("SEEDS", default)
}

fn message(happening: &Happening) -> Message {
    let message = match happening.what {
        What::Tier(tier) => Message::identify(happening.user).with("tier", tier),
        What::Event { event, cart, value } => {
            Message::track(happening.user, event).with("cart", cart).with("value", value)
        }
    };
    message.at(Instant::from_millis(happening.at))
}

fn key(key: Option<&Value>) -> String {
    match key {
        None => String::new(),
        Some(Value::String(key)) => key.to_string(),
        Some(key) => panic!("no cart: {key:?}"),
    }
}

/// What a simulation sends: a host that looks whenever something is due.
fn simulated(definitions: &Definitions, scenario: &Scenario) -> Vec<Sent> {
    let messages: Vec<Message> = scenario.happenings.iter().map(message).collect();
    let simulation = simulate(definitions, &messages, Instant::from_millis(scenario.until));
    assert!(simulation.rejected.is_empty(), "{:?}", simulation.rejected);
    let mut sent: Vec<Sent> = simulation
        .actions
        .iter()
        .map(|action| Sent {
            at: action.at.as_millis(),
            user: action.user.to_string(),
            journey: action.journey.to_string(),
            key: key(action.key.as_ref()),
            step: action.step.to_string(),
            channel: action.channel.to_string(),
        })
        .collect();
    sent.sort();
    sent
}

/// What a partition puts into its outbox for a host that only ever tells it what users do.
fn noted(definitions: &Definitions, scenario: &Scenario) -> Vec<Sent> {
    let mut partition = Partition::new(definitions);
    let mut sent = Vec::new();
    let mut note = |notes: &[Note]| {
        for note in notes {
            let Did::Sent { channel } = &note.what else { continue };
            sent.push(Sent {
                at: note.at.as_millis(),
                user: note.user.to_string(),
                journey: note.journey.to_string(),
                key: key(note.key.as_ref()),
                step: note.step.as_deref().unwrap_or_default().to_owned(),
                channel: channel.to_string(),
            });
        }
    };
    // At least as often as sends are caught up with.
    let mut wait = |partition: &mut Partition, until: Instant, note: &mut dyn FnMut(&[Note])| {
        while partition.clock() > Instant::MIN && partition.clock() < until {
            note(&partition.advance(until.min(partition.clock() + Duration::hours(5))).notes);
        }
    };
    for happening in &scenario.happenings {
        let at = Instant::from_millis(happening.at);
        wait(&mut partition, at - Duration::hours(5), &mut note);
        let now = partition.clock().max(at);
        note(&partition.ingest(&message(happening), now).expect("a sound message").notes);
    }
    wait(&mut partition, Instant::from_millis(scenario.until), &mut note);
    sent.sort();
    sent
}

/// Where engine and twin part, if they do.
fn difference(scenario: &Scenario) -> Option<String> {
    let text = rules::toml(&scenario.journeys);
    let definitions = match Definitions::from_toml(&text) {
        Ok(definitions) => definitions,
        // A step that nothing leads to, say.
        Err(_) => return None,
    };
    let expected = twin::sent(&scenario.journeys, &scenario.happenings, scenario.until);
    for (who, found) in
        [("simulated", simulated(&definitions, scenario)), ("noted", noted(&definitions, scenario))]
    {
        if found == expected {
            continue;
        }
        let place = (0..).find(|place| found.get(*place) != expected.get(*place)).unwrap_or(0);
        let (ours, twins) = (found.get(place), expected.get(place));
        let told: Vec<String> =
            scenario.happenings.iter().map(|happening| format!("{happening:?}")).collect();
        return Some(format!("{who} {ours:?}\ntwin {twins:?}\n{text}\n{}", told.join("\n")));
    }
    None
}

/// The smallest scenario found that still differs: without messages, journeys and steps behind.
fn smallest(mut scenario: Scenario) -> Scenario {
    loop {
        let mut fewer: Vec<Scenario> = Vec::new();
        for place in 0..scenario.happenings.len() {
            let mut one = scenario.clone();
            one.happenings.remove(place);
            fewer.push(one);
        }
        for place in 0..scenario.journeys.len() {
            let mut one = scenario.clone();
            one.journeys.remove(place);
            fewer.push(one);
            for exit in 0..scenario.journeys[place].exit.len() {
                let mut one = scenario.clone();
                one.journeys[place].exit.remove(exit);
                fewer.push(one);
            }
            if scenario.journeys[place].goal.is_some() {
                let mut one = scenario.clone();
                one.journeys[place].goal = None;
                fewer.push(one);
            }
            if scenario.journeys[place].steps.len() > 1 {
                let mut one = scenario.clone();
                one.journeys[place].steps.pop();
                fewer.push(one);
            }
        }
        match fewer.into_iter().find(|fewer| difference(fewer).is_some()) {
            Some(fewer) => scenario = fewer,
            None => return scenario,
        }
    }
}

fn check(kind: Kind) {
    let (mut sound, mut sent) = (0, 0);
    for seed in seeds(400) {
        let scenario = Scenario::new(seed, kind);
        if Definitions::from_toml(&rules::toml(&scenario.journeys)).is_err() {
            continue;
        }
        sound += 1;
        sent += twin::sent(&scenario.journeys, &scenario.happenings, scenario.until).len();
        if difference(&scenario).is_some() {
            let smallest = difference(&smallest(scenario)).unwrap();
            panic!("seed {seed}: {smallest}");
        }
    }
    let all = seeds(400).count();
    assert!(
        sound > all / 4 && sent > 4 * sound,
        "too little to prove anything: {sound} of {all}, {sent} actions"
    );
}

#[test]
fn every_action_is_the_twins() {
    check(Kind::Plain);
}

#[test]
fn every_action_is_the_twins_where_messages_come_late() {
    check(Kind::Late);
}

#[test]
fn every_action_is_the_twins_where_one_event_does_several_things() {
    check(Kind::Mixed);
}
