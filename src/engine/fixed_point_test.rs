//! Whatever happens, in whatever order: what the engine says of its users is what all expressions say together of
//! the state as it is, and how often the host looks makes no difference.

use crate::definitions::Definitions;
use crate::engine::Partition;
use crate::journey::Delivery;
use crate::model::{Consent, Duration, Ids, Instant, Message, Value};
use crate::profile::{Fact, UserKey};
use crate::segment::{Evaluation, SegmentId, part_name};

const SCHEMA: &str = r#"
version = 1
[attributes]
plan = "string"
[events.view]
sku = "string"
[events.buy]
sku = "string"
[lists]
vip = "the best"
[consent]
marketing = { default = "denied" }
other = { default = "granted" }
[world]
sale = "bool"
[templates.hello]
title = "Hello"
[journeys.j1]
enter = { event = "view" }
exit = [{ event = "buy" }]
step = [{ id = "a", send = { channel = "push", template = "hello" } }, { id = "b", wait = "7m" }]
[journeys.j2]
enter = { segment_entered = "s1" }
exit = [{ segment_left = "s3" }]
step = [{ id = "a", wait = "5m" }, { id = "b", send = { channel = "push", template = "hello" } }, { id = "c", wait = "5m" }]
[journeys.j3]
enter = { event = "segment.left", where = 'name = "s2"' }
exit = [{ event = "attribute.changed" }]
step = [{ id = "a", wait = "9m" }]
"#;

/// One condition of a segment, which may ask for those before it: so there are no circles.
fn condition(rng: &mut fastrand::Rng, before: &[u32], keyed: &[u32]) -> String {
    let one = |rng: &mut fastrand::Rng, list: &[u32]| list[rng.usize(..list.len())];
    let window = ["", " in 3m", " in 10m", " in 1h", " in today"][rng.usize(..5)];
    let base = |rng: &mut fastrand::Rng| match rng.u32(0..14) {
        0 => format!("did(view{window})"),
        1 => format!("count(any{window}) >= {}", rng.u32(1..4)),
        2 => "plan = \"pro\"".into(),
        3 => format!("did(attribute.changed where to = \"pro\"{window})"),
        4 => "list(\"vip\")".into(),
        5 => "consent(\"marketing\")".into(),
        6 => "consent(\"other\") and subscribed(\"email\")".into(),
        7 => "world.sale".into(),
        8 => format!("did([message.sent, message.opened]{window})"),
        9 => format!("in_journey(\"j{}\")", rng.u32(1..4)),
        10 => "session.number = 1".into(),
        11 => format!("did(identity.switched{window})"),
        12 => format!("count(segment.entered{window}) >= {}", rng.u32(1..4)),
        _ => format!("did(buy{window})"),
    };
    if before.is_empty() || rng.bool() {
        return base(rng);
    }
    match rng.u32(0..6) {
        0 => format!("did(segment.entered where name = \"s{}\"{window})", one(rng, before)),
        1 => format!("now - entered(\"s{}\") >= {}m", one(rng, before), rng.u32(0..8)),
        2 => format!("entered(\"s{}\") is missing", one(rng, before)),
        3 => format!("segment(\"s{}\")", one(rng, before)),
        4 if !keyed.is_empty() => format!("now - entered(\"s{}\") < 4m", one(rng, keyed)),
        _ => format!(
            "count(segment.left where name in [\"s{}\", \"s{}\"]{window}) >= 2",
            one(rng, before),
            one(rng, before)
        ),
    }
}

/// Random segments in a random order of definition.
pub(super) fn definitions(rng: &mut fastrand::Rng) -> String {
    let (mut before, mut keyed, mut lines): (Vec<u32>, Vec<u32>, Vec<String>) = Default::default();
    for number in 1..=rng.u32(5..12) {
        let mut parts: Vec<String> = (0..rng.u32(1..3)).map(|_| condition(rng, &before, &keyed)).collect();
        if rng.u32(0..3) == 0 {
            parts[0] = format!("not ({})", parts[0]);
        }
        let mut text = parts.join([" and ", " or "][rng.usize(..2)]);
        if rng.u32(0..4) == 0 {
            if !keyed.is_empty() && rng.bool() {
                let other = keyed[rng.usize(..keyed.len())];
                text = format!(
                    "{text} and (now - entered(\"s{other}\") >= 2m or entered(\"s{other}\") is missing)"
                );
            }
            lines.push(format!(
                "s{number} = {{ by = \"sku\", when = '''count(view in 10m) >= 1 and ({text})''' }}"
            ));
            keyed.push(number);
        } else {
            lines.push(format!("s{number} = '''{text}'''"));
        }
        // What asks for the changes of all segments is silent, and so is what refers to it.
        let asks_all = |text: &str| text.contains("count(segment.entered");
        let refers = |n: u32| text.contains(&format!("\"s{n}\""));
        let is_silent = asks_all(&text) || (1..number).any(|n| refers(n) && !before.contains(&n));
        if is_silent {
            keyed.retain(|n| *n != number);
        } else {
            before.push(number);
        }
    }
    rng.shuffle(&mut lines);
    format!("{SCHEMA}\n[segments]\n{}", lines.join("\n"))
}

/// One input, a random one.
pub(super) fn step(rng: &mut fastrand::Rng, partition: &mut Partition, now: Instant) -> Vec<String> {
    let user = ["ada", "bob"][rng.usize(..2)];
    let ids = match rng.u32(0..6) {
        0 => Ids::anonymous("phone"),
        1 => Ids::both(user, "phone"),
        _ => Ids::user(user),
    };
    let say = |rng: &mut fastrand::Rng, purpose| {
        let consent = if rng.bool() { Consent::granted(purpose) } else { Consent::denied(purpose) };
        let consent =
            if rng.bool() { consent.until(now + Duration::minutes(rng.i64(-2..9))) } else { consent };
        if rng.bool() { consent.channel("email") } else { consent }
    };
    let sku = ["x", "y", "z"][rng.usize(..3)];
    let message = match rng.u32(0..13) {
        0..=2 => Message::track(ids, "view").with("sku", sku),
        3 => Message::track(ids, "buy").with("sku", sku),
        4 | 5 => Message::identify(ids).with("plan", ["pro", "free"][rng.usize(..2)]),
        6 => Message::list(ids, "vip", rng.bool()),
        7 => Message::consent(ids, say(rng, "marketing")),
        8 => Message::consent(ids, say(rng, "other")),
        9 => Message::world().with("sale", Value::from(rng.bool())),
        10 => Message::forget(user),
        11 => return lines(&partition.advance(now)),
        _ => {
            let mut all = lines(&partition.advance(now));
            let delivery = [Delivery::Sent, Delivery::Opened, Delivery::Failed][rng.usize(..3)];
            for action in partition.outbox(1, Duration::minutes(1), now) {
                all.extend(lines(&partition.acknowledge(&action.id, delivery, now).outcome));
            }
            return all;
        }
    };
    let late = if rng.u32(0..5) == 0 { rng.i64(0..300_000) } else { 0 };
    let at = now + Duration::from_millis(-late);
    lines(&partition.ingest(&message.at(at), now).unwrap())
}

fn lines(outcome: &crate::engine::Outcome) -> Vec<String> {
    outcome.changes.iter().map(|change| format!("{} {change}", change.at)).collect()
}

/// What all expressions say of the state as it is, beside what the engine says.
fn check(partition: &Partition) {
    let plan = &partition.compiled.plan;
    let users: Vec<UserKey> = partition.store.keys().collect();
    for user in users {
        let name = partition.store.name(user).clone();
        let memberships = &partition.users[user.0 as usize].memberships;
        let evaluation = Evaluation::new(plan, &partition.store, user, partition.clock);
        for (number, segment) in plan.segments.iter().enumerate() {
            let id = SegmentId(number as u32);
            let holds = match &segment.parts {
                None => evaluation.truth(segment.root).holds,
                Some(parts) => {
                    let keys = evaluation.live_keys(parts);
                    keys.into_iter().any(|key| evaluation.part_truth(parts, segment.root, key, None).holds)
                }
            };
            assert_eq!(memberships.contains(plan, id), holds, "{name} in {}", plan.name(id));
            let fact = partition.store.symbols.get(&Fact::Entered(plan.name(id)).name());
            let entered = fact.map(|fact| partition.store.symbols.value(partition.store.fact(user, fact)));
            if plan.echoes.stays.get(&id).is_some_and(|reads| reads.whole) {
                let since = Value::from(memberships.since(plan, id));
                assert_eq!(entered.unwrap_or_default(), since, "{name} since when in {}", plan.name(id));
            }
        }
        for (segment, key, since, _) in memberships.rows(plan, &partition.store.symbols) {
            let prefix = plan.echoes.stays.get(&segment).and_then(|reads| reads.by_key.as_deref());
            if let Some(fact) = prefix.and_then(|prefix| part_name(prefix, &key)) {
                let fact = partition.store.symbols.get(&fact);
                let entered =
                    fact.map(|fact| partition.store.symbols.value(partition.store.fact(user, fact)));
                assert_eq!(entered.unwrap_or_default(), Value::from(since), "{name} {key:?}");
            }
        }
        for attribute in partition.store.get(user).attributes.iter() {
            let fact = Fact::of(partition.store.symbols.text(attribute.name));
            if matches!(fact, Some(Fact::Entered(_) | Fact::EnteredPart(_) | Fact::Journey(_))) {
                assert!(!attribute.value.is_missing(), "{name} keeps {fact:?}, which is over");
            }
        }
        for (journey, fact) in &partition.journey_facts {
            let is_in = !partition.store.fact(user, *fact).is_missing();
            assert_eq!(partition.journeys.is_in(user, *journey), is_in, "{name} in journey {journey}");
        }
    }
}

/// `SEEDS` asks for more scenarios than the test runs by itself, `FROM` for others.
#[test]
fn what_is_said_is_what_holds_however_often_one_looks() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (from, seeds) = (number("FROM", 0), number("SEEDS", 300));
    let mut changes = 0;
    for seed in from..from + seeds {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let text = definitions(rng);
        let definitions =
            Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("seed {seed}: {errors:#}"));
        let (mut lazy, mut eager) = (Partition::new(&definitions), Partition::new(&definitions));
        let (mut of_lazy, mut of_eager) = (Vec::new(), Vec::new());
        let mut now: Instant = "2026-11-23T23:30:00Z".parse().unwrap();
        for _ in 0..40 {
            let inputs = rng.u64(..);
            of_lazy.extend(step(&mut fastrand::Rng::with_seed(inputs), &mut lazy, now));
            // Half-way between two inputs, and at each instant at which anything may be due.
            while let Some(due) = eager.next_due().filter(|due| *due < now) {
                of_eager.extend(lines(&eager.advance(due)));
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&eager)))
                    .unwrap_or_else(|_| panic!("seed {seed} at {due}\n{text}"));
            }
            of_eager.extend(step(&mut fastrand::Rng::with_seed(inputs), &mut eager, now));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&eager)))
                .unwrap_or_else(|_| panic!("seed {seed} at {now}\n{text}"));
            now = now + Duration::from_millis([0, 1, 30_000, 60_000, 200_000, 900_000][rng.usize(..6)]);
        }
        of_lazy.extend(lines(&lazy.advance(now)));
        of_eager.extend(lines(&eager.advance(now)));
        let key = |line: &String| line.clone();
        of_lazy.sort_by_key(key);
        of_eager.sort_by_key(key);
        assert_eq!(of_lazy, of_eager, "seed {seed}\n{text}");
        changes += of_lazy.len() as u64;
    }
    assert!(changes > 20 * seeds, "the scenarios are too quiet to prove anything");
}
