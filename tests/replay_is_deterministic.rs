//! The same inputs give the same outputs and the same state, byte for byte.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::journey::Delivery;
use bespoke::model::{Duration, Instant, Message, Object};
use bespoke::recommend::Query;

const DEFINITIONS: &str = include_str!("../examples/data/shop.toml");
const MESSAGES: &str = include_str!("../examples/data/shop.jsonl");

/// Everything that a host could see, as text, and the state at the end.
fn run(messages: &[Message], step: Option<Duration>) -> (Vec<String>, Vec<u8>) {
    let definitions = Definitions::from_toml(DEFINITIONS).unwrap();
    let mut partition = Partition::new(&definitions);
    let (mut seen, mut notes) = (Vec::new(), Vec::new());
    let mut note = |outcome: &Outcome| {
        seen.extend(outcome.changes.iter().map(|change| format!("{} {change}", change.at)));
        notes.extend(outcome.notes.iter().map(|note| format!("{} {note}", note.at)));
    };
    for message in messages {
        let now = message.timestamp.unwrap().max(partition.clock());
        // A host that wakes up more often than it need sees the same.
        while let Some(step) =
            step.filter(|step| partition.clock() > Instant::MIN && partition.clock() + *step < now)
        {
            note(&partition.advance(partition.clock() + step));
        }
        note(&partition.ingest(message, now).unwrap());
    }
    seen.append(&mut notes);
    let now = partition.clock();
    for action in partition.outbox(usize::MAX, Duration::minutes(1), now) {
        seen.push(format!("{action:?}"));
        partition.acknowledge(&action.id, Delivery::Sent, now);
    }
    for user in partition.users() {
        seen.push(format!("{:?}", partition.decide(&user, "home-hero", &Object::new(), now).unwrap()));
        seen.push(format!("{:?}", partition.recommend(&user, &Query::for_user().limit(5), now).unwrap()));
    }
    (seen, partition.checkpoint().unwrap())
}

fn messages() -> Vec<Message> {
    MESSAGES.lines().map(|line| Message::from_json(line).unwrap()).collect()
}

#[test]
fn two_runs_are_equal_to_the_byte() {
    let messages = messages();
    let (first, second) = (run(&messages, None), run(&messages, None));
    assert!(first.0.len() > 3_000, "{} outputs prove little", first.0.len());
    assert_eq!(first.0, second.0);
    assert!(first.1 == second.1, "the states differ");
}

#[test]
fn how_often_the_host_wakes_up_changes_nothing() {
    let messages = &messages()[..1_500];
    let (lazy, busy) = (run(messages, None), run(messages, Some(Duration::minutes(7))));
    let difference = lazy.0.iter().zip(&busy.0).find(|(a, b)| a != b);
    assert_eq!(difference, None);
    assert_eq!(lazy.0.len(), busy.0.len());
}

#[test]
fn one_message_less_is_another_state() {
    let messages = messages();
    assert!(run(&messages, None).1 != run(&messages[..messages.len() - 1], None).1);
}
