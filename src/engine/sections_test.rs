//! Partitions that stop and go on from what was written, and users who go away and come back: nobody can tell. And
//! whatever the bytes are damaged to, what can still be read leaves a partition that goes on.

use crate::definitions::Definitions;
use crate::engine::fixed_point_test;
use crate::engine::partition::{UserRow, journey_facts};
use crate::engine::sections::Section;
use crate::engine::{Outcome, Partition};
use crate::journey::Delivery;
use crate::model::{Bytes, Duration, Ids, Instant, Malformed, Message, Pieces};
use crate::profile::UserKey;
use crate::recommend::Query;
use std::sync::Arc;

/// What the random definitions have besides: segments first, since they end with those.
const MORE: [&str; 3] = [
    r#"
t1 = '''count(buy) >= 3 or sum(view.price) > 20'''
t2 = '''did(view where sku = "x" in 2h)'''
t3 = '''affinity("sku", "x") > 0.5'''
[affinity.sku]
half_life = "1h"
[catalogue]
price = "number"
size = "number"
tags = "list"
vector = 2
[journeys.k0]
enter = { item = "price_drop", key = "sku" }
audience = 'did(view in 1h)'
step = [{ id = "a", wait = "2m" }, { id = "b", send = { channel = "push", template = "hello" } }]
[recommend]
interactions = { view = { item = "sku" }, buy = { item = "sku", weight = 5.0, action = "bought" } }
popularity = { half_life = "1h", context = ["os"] }
covisitation = { half_life = "1h", neighbours = 2 }
[[delivery.cap]]
scope = "channel:push"
max = 3
window = "20m"
[journeys.k1]
enter = { event = "view", key = "sku", reentry = { after = "9m" } }
exit = [{ event = "buy", key = "sku" }]
step = [{ id = "a", wait = "2m" }, { id = "b", send = { channel = "push", template = "hello", expires = "1h" } }, { id = "c", wait = "1h" }, { id = "d", send = { channel = "email", template = "hello" } }]
[journeys.k2]
enter = { event = "buy", reentry = "once" }
step = [{ id = "a", send = { channel = "email", template = "hello" } }, { id = "b", wait = "30m" }]
"#,
    r#"
t4 = '''did(view where sku = "y" in 1d)'''
t1 = '''count(buy) >= 3 or sum(view.price) > 20'''
[catalogue]
size = "string"
price = "number"
colour = "string"
[recommend]
interactions = { view = { item = "sku" } }
popularity = { half_life = "1h", context = ["os", "country"] }
covisitation = { half_life = "1h", neighbours = 3 }
[[delivery.cap]]
scope = "global"
max = 2
per = "day"
[journeys.k2]
enter = { event = "buy", reentry = { after = "10m" } }
step = [{ id = "a", send = { channel = "email", template = "hello" } }, { id = "b", wait = "30m" }]
[journeys.k1]
enter = { event = "view", key = "sku", reentry = "restart" }
step = [{ id = "c", wait = "5m" }, { id = "b", send = { channel = "push", template = "hello" } }]
"#,
    r#"
t3 = '''affinity("sku", "x") > 0.5'''
[affinity.sku]
half_life = "2h"
[journeys.k3]
enter = { event = "view", key = "sku" }
step = [{ id = "a", wait = "2m" }, { id = "b", branch = [{ when = 'did(view in 5m)', to = "end" }] }, { id = "c", wait = "5m" }]
"#,
];

fn random_definitions(rng: &mut fastrand::Rng) -> Vec<Definitions> {
    let read = |more: &str| {
        let text =
            fixed_point_test::definitions(rng).replace("[events.view]", "[events.view]\nprice = \"number\"");
        Definitions::from_toml(&(text + more)).unwrap_or_else(|errors| panic!("{errors:#}"))
    };
    MORE.into_iter().map(read).collect()
}

/// Everything of a partition that was written, apart from profiles and memberships.
#[derive(Clone)]
struct Written {
    sections: Vec<Vec<u8>>,
    seen: Vec<u8>,
    users: Vec<(UserKey, Vec<u8>)>,
    actions: Vec<(UserKey, Vec<u8>)>,
}

fn bytes(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn all(write: impl FnOnce(&mut Pieces)) -> Vec<u8> {
    bytes(|out| Pieces::all(write, out))
}

/// Reads all of some bytes.
fn whole<T>(bytes: &[u8], read: impl FnOnce(&mut Bytes<'_>) -> Result<T, Malformed>) -> Result<T, Malformed> {
    let mut from = Bytes::new(bytes);
    let value = read(&mut from)?;
    from.end()?;
    Ok(value)
}

fn users(partition: &Partition) -> Vec<UserKey> {
    partition.store.keys().collect()
}

fn write(partition: &Partition) -> Written {
    Written {
        sections: Section::ALL
            .map(|section| all(|pieces| partition.write_section_later(section, pieces)))
            .into(),
        seen: all(|pieces| {
            partition.seen.write_later(true, pieces);
        }),
        users: users(partition)
            .into_iter()
            .map(|user| (user, bytes(|out| partition.write_beside(user, out))))
            .collect(),
        actions: users(partition)
            .into_iter()
            .map(|user| (user, bytes(|out| partition.journeys.write_actions(user, out))))
            .collect(),
    }
}

/// A fresh partition that has of another one its profiles and memberships, and nothing else.
fn with_profiles_of(old: Partition, definitions: &Definitions) -> Partition {
    let mut new = Partition::under(definitions, definitions.with_pinned(old.compiled.pinned.to_vec()));
    let nothing = bytes(|out| new.store.write_section(out));
    let Partition { mut store, mut users, texts, members, .. } = old;
    (store.keep, store.rules) = (new.store.keep.clone(), new.store.rules.clone());
    whole(&nothing, |from| store.read_section(from)).expect("what was written can be read");
    // Texts have the numbers of the old partition.
    let mut plan = new.compiled.plan.clone();
    plan.relocate(|text| store.symbols.get(text).expect("the texts of the plan are held"));
    new.compiled = Arc::new(new.compiled.with(plan));
    new.journey_facts = journey_facts(&new.compiled);
    for row in users.iter_mut() {
        let memberships = std::mem::take(&mut row.memberships);
        new.users.push(UserRow { memberships, ..UserRow::default() });
    }
    (new.store, new.texts, new.members) = (store, texts, members);
    new
}

fn read(partition: &mut Partition, written: &Written) -> Result<(), Malformed> {
    for (section, bytes) in Section::ALL.into_iter().zip(&written.sections) {
        whole(bytes, |from| partition.read_section(section, from))?;
    }
    whole(&written.seen, |from| partition.seen.read_chunk(from))?;
    for (user, bytes) in &written.actions {
        whole(bytes, |from| partition.journeys.read_actions(*user, from))?;
    }
    partition.journeys.end_read();
    // What waits in the outbox is due too.
    for (user, bytes) in &written.users {
        let state = whole(bytes, |from| partition.read_beside(from))?;
        partition.put_beside(*user, state);
        partition.schedule(*user, Instant::MIN);
    }
    Ok(())
}

/// Stops, and goes on from what was written.
fn stop(partition: Partition, definitions: &Definitions) -> Partition {
    let written = write(&partition);
    let mut read_back = with_profiles_of(partition, definitions);
    read(&mut read_back, &written).expect("what was written can be read");
    let again = write(&read_back);
    assert_eq!(again.sections, written.sections);
    assert_eq!((again.actions, again.seen), (written.actions, written.seen));
    read_back
}

/// Some users go away, and come back in another order.
fn away_and_back(rng: &mut fastrand::Rng, partition: &mut Partition) {
    let mut away: Vec<(UserKey, Vec<u8>)> = Vec::new();
    for user in users(partition) {
        if rng.u32(0..4) > 0 {
            away.push((user, bytes(|out| partition.write_beside(user, out))));
            drop(partition.take_beside(user));
            assert_eq!(partition.beside_bytes(user), 0);
        }
    }
    partition.journeys.validate().unwrap();
    rng.shuffle(&mut away);
    for (user, bytes) in away {
        let state = whole(&bytes, |from| partition.read_beside(from)).expect("what was written can be read");
        partition.put_beside(user, state);
    }
    partition.journeys.validate().unwrap();
}

fn lines(outcome: &Outcome) -> Vec<String> {
    let changes = outcome.changes.iter().map(|change| format!("{} {change}", change.at));
    let notes = outcome.notes.iter().map(|note| format!("{} {} {note}", note.at, note.user));
    std::iter::once(format!("{} {}", outcome.sequence, outcome.duplicate))
        .chain(changes)
        .chain(notes)
        .collect()
}

/// One input, a random one, and what came of it.
fn step(
    rng: &mut fastrand::Rng,
    partition: &mut Partition,
    all: &[Definitions],
    now: Instant,
) -> Vec<String> {
    let user = ["ada", "bob", "cy"][rng.usize(..3)];
    match rng.u32(0..12) {
        0 => lines(&partition.redefine(&all[rng.usize(..all.len())], now)),
        1..=3 => {
            let ids = if rng.u32(0..5) == 0 { Ids::both(user, "phone") } else { Ids::user(user) };
            let event = if rng.u32(0..3) == 0 { "buy" } else { "view" };
            let message = Message::track(ids, event)
                .with("sku", ["x", "y", "z", "v", "w"][rng.usize(..5)])
                .with("price", rng.i64(0..9))
                .context("os", ["ios", "web"][rng.usize(..2)])
                .id(rng.u32(0..20).to_string());
            lines(&partition.ingest(&message, now).unwrap())
        }
        4 => {
            let mut seen = Vec::new();
            let delivery = [Delivery::Sent, Delivery::Clicked, Delivery::Failed][rng.usize(..3)];
            let is_answered = rng.bool();
            for action in partition.outbox(rng.usize(0..3), Duration::minutes(rng.i64(0..9)), now) {
                seen.push(format!("{action:?}"));
                if is_answered {
                    seen.extend(lines(&partition.acknowledge(&action.id, delivery, now).outcome));
                }
            }
            seen
        }
        5 => {
            let query = Query::for_user().context("os", "ios").limit(4);
            vec![format!("{:?}", partition.recommend(user, &query, now))]
        }
        6 => {
            let item = ["x", "y", "z"][rng.usize(..3)];
            let message = match rng.u32(0..5) {
                0 => Message::remove_item(item),
                1 => Message::item(item).with("size", "xl").with("colour", "red"),
                2 => Message::item(item).with("tags", vec!["new"]).with("vector", vec![rng.f64(), 0.5]),
                _ => Message::item(item).with("price", rng.i64(0..9)).with("size", rng.i64(0..3)),
            };
            // What other definitions declare is refused.
            partition.ingest(&message, now).map_or_else(|error| vec![error.to_string()], |of| lines(&of))
        }
        _ => fixed_point_test::step(rng, partition, now),
    }
}

fn next(rng: &mut fastrand::Rng, now: Instant) -> Instant {
    now + Duration::from_millis([0, 1, 30_000, 60_000, 200_000, 900_000, 7_000_000][rng.usize(..7)])
}

/// All that can be asked of a partition as a whole.
fn state(partition: &Partition) -> (String, String) {
    let digest = String::from_utf8(partition.checkpoint().unwrap()).unwrap();
    let stats: Vec<_> = partition.segment_stats().map(|(name, stats)| format!("{name} {stats:?}")).collect();
    let names: Vec<&str> = partition.compiled.plan.segment_names().collect();
    let members: Vec<Vec<&str>> =
        names.iter().map(|name| partition.members(name).unwrap().collect()).collect();
    let counters = (partition.parts_dropped(), partition.loops_cut(), partition.outbox_stats());
    (digest, format!("{stats:?} {members:?} {counters:?} {:?}", partition.journey_counts()))
}

/// Shows where two states differ, where they do.
fn assert_same(found: &Partition, expected: &Partition, context: &str) {
    let (found, expected) = (state(found), state(expected));
    for (found, expected) in [(found.0, expected.0), (found.1, expected.1)] {
        let place = found.bytes().zip(expected.bytes()).position(|(a, b)| a != b);
        let shown = |text: &str| {
            let from = place.unwrap_or(text.len()).saturating_sub(200);
            text.chars().skip(from).take(300).collect::<String>()
        };
        assert!(found == expected, "{context}\n{}\n{}", shown(&found), shown(&expected));
    }
}

const START: &str = "2026-11-23T23:30:00Z";

fn seeds(default: u64) -> std::ops::Range<u64> {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let from = number("FROM", 0);
    from..from + number("SEEDS", default)
}

/// `SEEDS` asks for more scenarios than the test runs by itself, `FROM` for others.
#[test]
fn a_partition_that_stops_goes_on_as_if_it_had_not() {
    let (mut stops, mut covered) = (0, 0);
    for seed in seeds(40) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let all = random_definitions(rng);
        let mut current = 0;
        let (mut steady, mut stopping) = (Partition::new(&all[0]), Partition::new(&all[0]));
        let mut now: Instant = START.parse().unwrap();
        for number in 0..80 {
            let context = || format!("seed {seed}, input {number}");
            if rng.u32(0..16) == 0 {
                current = rng.usize(..all.len());
                let outcomes = [&mut steady, &mut stopping].map(|of| lines(&of.redefine(&all[current], now)));
                assert_eq!(outcomes[0], outcomes[1], "{}", context());
            }
            let inputs = rng.u64(..);
            let input = || fastrand::Rng::with_seed(inputs);
            // Definitions are changed above, so that it is known which hold.
            let only = std::slice::from_ref(&all[current]);
            let of_steady = step(&mut input(), &mut steady, only, now);
            assert_eq!(step(&mut input(), &mut stopping, only, now), of_steady, "{}", context());
            assert_same(&stopping, &steady, &context());
            if rng.u32(0..4) == 0 {
                away_and_back(rng, &mut stopping);
                assert_same(&stopping, &steady, &context());
            }
            if rng.u32(0..8) == 0 {
                let plan = &stopping.compiled.plan;
                covered += plan.totals_since.iter().flatten().count();
                covered += plan.rules.iter().filter(|rule| rule.since.is_some()).count();
                stopping = stop(stopping, &all[current]);
                assert_same(&stopping, &steady, &context());
                stops += 1;
            }
            now = next(rng, now);
        }
        let outcomes = [&mut steady, &mut stopping].map(|of| lines(&of.advance(now + Duration::days(2))));
        assert_eq!(outcomes[0], outcomes[1], "seed {seed}");
        assert_same(&stopping, &steady, &format!("seed {seed}"));
    }
    assert!(stops > 100 && covered > 20, "{stops} stops and {covered} instants prove little");
}

/// A byte, or two, are other ones; now and then some are gone, or are there besides.
fn damage(rng: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.u32(1..3) {
        let place = rng.usize(0..=bytes.len());
        match (rng.u32(0..12), bytes.get_mut(place)) {
            (0, _) => bytes.truncate(place),
            (1, _) => bytes.insert(place, rng.u8(..)),
            (2, Some(_)) => drop(bytes.remove(place)),
            (3, Some(byte)) => *byte = [0, 1, 0x7F, 0x80, 0xFF][rng.usize(..5)],
            (_, Some(byte)) => *byte ^= 1 << rng.u32(0..7),
            _ => {}
        }
    }
}

#[test]
fn damaged_bytes_are_refused_or_leave_a_partition_that_goes_on() {
    let (mut refused, mut taken) = (0, 0);
    for seed in seeds(20) {
        let all = random_definitions(&mut fastrand::Rng::with_seed(seed));
        for damages in 0..8 {
            let rng = &mut fastrand::Rng::with_seed(seed * 1_000 + damages);
            let mut partition = Partition::new(&all[rng.usize(..2)]);
            let mut now: Instant = START.parse().unwrap();
            for number in 0..50 {
                if number == 30 {
                    partition.redefine(&all[0], now);
                }
                fixed_point_test::step(rng, &mut partition, now);
                step(rng, &mut partition, &all[..1], now);
                now = next(rng, now);
            }
            partition.redefine(&all[0], now);
            let mut written = write(&partition);
            let of_users = written.users.iter_mut().chain(&mut written.actions).map(|(_, bytes)| bytes);
            let mut records: Vec<&mut Vec<u8>> = [&mut written.seen].into_iter().chain(of_users).collect();
            if rng.bool() {
                records = written.sections.iter_mut().collect();
            }
            let place = rng.usize(..records.len());
            damage(rng, records[place]);

            let mut partition = with_profiles_of(partition, &all[0]);
            if read(&mut partition, &written).is_err() {
                refused += 1;
                continue;
            }
            taken += 1;
            partition.journeys.validate().unwrap();
            for _ in 0..30 {
                step(rng, &mut partition, &all, now);
                now = next(rng, now);
            }
            let late = now + Duration::days(400);
            partition.advance(late);
            partition.outbox(100, Duration::minutes(1), late);
            drop(state(&partition));
            drop(write(&partition));
        }
    }
    assert!(refused > 20 && taken > 20, "{refused} refused and {taken} taken prove little");
}

/// Bytes that were never written are errors or values.
#[test]
fn any_bytes_are_refused_or_read() {
    let rng = &mut fastrand::Rng::with_seed(7);
    let all = random_definitions(rng);
    for _ in 0..3_000 {
        let mut partition = Partition::new(&all[0]);
        let bytes: Vec<u8> = (0..rng.usize(0..40)).map(|_| rng.u8(..) >> rng.u32(0..8)).collect();
        for section in Section::ALL {
            let _ = partition.read_section(section, &mut Bytes::new(&bytes));
        }
        let _ = partition.seen.read_chunk(&mut Bytes::new(&bytes));
        let _ = partition.read_beside(&mut Bytes::new(&bytes));
        let _ = partition.journeys.read_actions(UserKey(0), &mut Bytes::new(&bytes));
    }
}

/// The shop's messages, with stops on the way, under its definitions and under others.
#[test]
fn the_shop_stops_and_goes_on() {
    const SHOP: &str = include_str!("../../examples/data/shop.toml");
    const MESSAGES: &str = include_str!("../../examples/data/shop.jsonl");
    let other = SHOP.replace("half_life = \"7d\"", "half_life = \"3d\"").replace("max = 2", "max = 1");
    let all = [SHOP, &other].map(|text| Definitions::from_toml(text).unwrap());
    let rng = &mut fastrand::Rng::with_seed(1);
    let (mut steady, mut stopping) = (Partition::new(&all[0]), Partition::new(&all[0]));
    let mut current = 0;
    for (number, line) in MESSAGES.lines().take(1_500).enumerate() {
        let message = Message::from_json(line).unwrap();
        let now = message.timestamp.unwrap().max(steady.clock());
        let outcomes = [&mut steady, &mut stopping].map(|of| lines(&of.ingest(&message, now).unwrap()));
        assert_eq!(outcomes[0], outcomes[1], "message {number}");
        if number % 400 == 399 {
            current = 1 - current;
            let outcomes = [&mut steady, &mut stopping].map(|of| lines(&of.redefine(&all[current], now)));
            assert_eq!(outcomes[0], outcomes[1], "message {number}");
        }
        if number % 250 == 249 {
            away_and_back(rng, &mut stopping);
            stopping = stop(stopping, &all[current]);
            assert_same(&stopping, &steady, &format!("message {number}"));
            let user = message.ids.user.as_deref().unwrap_or("u001");
            let shown = |of: &Partition| format!("{:?}", of.recommend(user, &Query::for_user(), now));
            assert_eq!(shown(&stopping), shown(&steady));
        }
    }
}

/// However often a user comes and goes, what is remembered takes no more room.
#[test]
fn coming_and_going_leaves_nothing_behind() {
    let text = "version = 1\n[events.view]\n[journeys.j]\nenter = { event = \"view\", reentry = { after = \"30d\" } }\n\
                step = [{ id = \"a\", wait = \"1m\" }]";
    let definitions = Definitions::from_toml(text).unwrap();
    let mut partition = Partition::new(&definitions);
    let now: Instant = START.parse().unwrap();
    partition.ingest(&Message::track("ada", "view"), now).unwrap();
    partition.advance(now + Duration::minutes(2));
    let (user, held) = (users(&partition)[0], partition.journeys.remembered());
    for _ in 0..1_000 {
        let state = partition.take_beside(user);
        assert_eq!(partition.journeys.remembered(), 0);
        partition.put_beside(user, state);
        assert_eq!(partition.journeys.remembered(), held);
    }
    // The pause of thirty days is still known.
    let outcome = partition.ingest(&Message::track("ada", "view"), now + Duration::days(20)).unwrap();
    assert_eq!(outcome.notes[0].what.to_string(), "not entered: too soon");
}
