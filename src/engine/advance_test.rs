//! Time in pieces is time at once: the same changes and notes in the same order, and the same state.

use crate::definitions::Definitions;
use crate::engine::fixed_point_test::definitions;
use crate::engine::{Outcome, Partition};
use crate::model::{Consent, Duration, Instant, Message};
use crate::profile::UserKey;

/// What time alone begins, besides.
const MORE: &str = r#"
[journeys.j4]
enter = { cron = "*/6 * * * *" }
audience = 'segment("s1")'
late = { catch_up = "3m", else = "exit" }
step = [{ id = "a", send = { channel = "push", template = "hello" } }, { id = "b", wait_until = { at = "23:57" } }]
[journeys.j5]
enter = { cron = "*/10 * * * *" }
late = { catch_up = "5m", else = "next_window" }
step = [{ id = "a", wait = "4m" }, { id = "b", send = { channel = "push", template = "hello" } }]
"#;

fn definitions_of(rng: &mut fastrand::Rng) -> (String, Definitions) {
    let text = format!("{}{MORE}", definitions(rng));
    let read = Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors:#}\n{text}"));
    (text, read)
}

fn lines(outcome: &Outcome) -> Vec<String> {
    let changes = outcome.changes.iter().map(|change| format!("{} {change}", change.at));
    let notes = outcome.notes.iter().map(|note| format!("{} {} {note}", note.at, note.user));
    changes.chain(notes).collect()
}

/// As many calls as it takes; a partition that needs fewer inputs is given as many, so that their numbers agree.
fn in_pieces(partition: &mut Partition, now: Instant, rng: &mut fastrand::Rng) -> (Vec<String>, u32) {
    let (mut changes, mut notes, mut calls) = (Vec::new(), Vec::new(), 0);
    loop {
        let limit = [0, 1, 1, 2, 3, 7, 100][rng.usize(..7)];
        let before = partition.clock();
        let outcome = partition.advance_some(now, limit);
        calls += 1;
        let users: std::collections::BTreeSet<_> =
            outcome.changes.iter().map(|change| (change.at, change.user.clone())).collect();
        assert!(users.len() <= limit, "{} users at once", users.len());
        assert!(partition.clock() >= before && partition.clock() <= now);
        let whole = lines(&outcome);
        changes.extend_from_slice(&whole[..outcome.changes.len()]);
        notes.extend_from_slice(&whole[outcome.changes.len()..]);
        let is_due = partition.next_due().is_some_and(|due| due <= now);
        if !outcome.more_due {
            assert!(!is_due && partition.clock() == now, "{:?} {now}", partition.clock());
            changes.append(&mut notes);
            return (changes, calls);
        }
        assert!(is_due);
    }
}

/// One input for one of many users, so that many are due at the same instant.
fn tell(rng: &mut fastrand::Rng, partition: &mut Partition, now: Instant) {
    let user = format!("user-{}", rng.u32(0..30));
    let sku = ["x", "y", "z"][rng.usize(..3)];
    let message = match rng.u32(0..12) {
        0 => Message::track(&*user, "buy").with("sku", sku),
        1 | 2 => Message::identify(&*user).with("plan", ["pro", "free"][rng.usize(..2)]),
        3 => Message::consent(&*user, Consent::granted("marketing").until(now + Duration::minutes(4))),
        4 => Message::restrict(&*user, rng.bool()),
        5 => Message::forget(&*user),
        6 => Message::merge(format!("user-{}", rng.u32(0..30)), &*user, "they said so"),
        _ => Message::track(&*user, "view").with("sku", sku),
    };
    let _ = partition.ingest(&message, now);
}

#[test]
fn pieces_of_time_are_time_at_once() {
    let mut told = 0;
    for seed in 0..150 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (text, definitions) = definitions_of(rng);
        let (mut whole, mut pieces) = (Partition::new(&definitions), Partition::new(&definitions));
        let mut now: Instant = "2026-11-23T23:30:00Z".parse().unwrap();
        for _ in 0..12 {
            for _ in 0..rng.u32(1..20) {
                let inputs = rng.u64(..);
                tell(&mut fastrand::Rng::with_seed(inputs), &mut whole, now);
                tell(&mut fastrand::Rng::with_seed(inputs), &mut pieces, now);
            }
            now = now + Duration::from_millis([1, 60_000, 300_000, 600_000, 4_000_000][rng.usize(..5)]);
            let (found, calls) = in_pieces(&mut pieces, now, rng);
            let mut expected = lines(&whole.advance(now));
            (1..calls).for_each(|_| expected.extend(lines(&whole.advance(now))));
            assert_eq!(found, expected, "seed {seed}\n{text}");
            told += found.len();
            assert!(pieces.checkpoint().unwrap() == whole.checkpoint().unwrap(), "seed {seed}\n{text}");
        }
    }
    assert!(told > 5_000, "{told} changes prove little");
}

/// What is left of an instant is looked at before anything that comes later, by whatever input.
#[test]
fn inputs_between_pieces_come_in_their_own_time() {
    for seed in 0..150 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (text, definitions) = definitions_of(rng);
        let (mut whole, mut pieces) = (Partition::new(&definitions), Partition::new(&definitions));
        let mut now: Instant = "2026-11-23T23:30:00Z".parse().unwrap();
        for _ in 0..60 {
            let until = now + Duration::from_millis([60_000, 300_000, 600_000][rng.usize(..3)]);
            for _ in 0..rng.u32(1..4) {
                pieces.advance_some(until, rng.usize(..4));
            }
            now = pieces.clock().max(now) + Duration::from_millis(1);
            whole.advance(now - Duration::from_millis(1));
            let inputs = rng.u64(..);
            tell(&mut fastrand::Rng::with_seed(inputs), &mut whole, now);
            tell(&mut fastrand::Rng::with_seed(inputs), &mut pieces, now);
        }
        whole.advance(now + Duration::hours(2));
        pieces.advance(now + Duration::hours(2));
        let members = |partition: &Partition| -> Vec<_> {
            let users: Vec<UserKey> = partition.store.keys().collect();
            let mut all: Vec<_> = users
                .iter()
                .map(|user| partition.store.name(*user).to_string())
                .map(|user| (partition.segments(&user), user))
                .collect();
            all.sort();
            all
        };
        assert_eq!(members(&pieces), members(&whole), "seed {seed}\n{text}");
    }
}
