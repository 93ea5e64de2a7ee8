//! Journeys that are defined anew while users are in them: who goes on under which version, and what that says and costs.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Outcome, Partition};
use bespoke::journey::{Action, Delivery};
use bespoke::model::{Duration, Instant, Message};
use bespoke::storage::MemoryDisk;
use fastrand::Rng;
use std::collections::BTreeMap;

fn minute(n: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(n)
}

/// Definitions with a journey `cart` that views begin, keyed by `sku`, and whatever else.
fn cart(keys: &str, steps: &str, more: &str) -> Definitions {
    let text = format!(
        "version = 1\n[events.view]\nsku = 'string'\n[events.buy]\nsku = 'string'\n[events.open]\n[events.never]\n{more}\n\
         [journeys.cart]\nenter = {{ event = 'view', key = 'sku' }}\n{keys}\nstep = [{steps}]"
    );
    Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors:#}\n{text}"))
}

const HELLO: &str = "[templates.hello]\na = 'hello'";
const IDLE: &str = "{ id = 'idle', wait = '1h' }";
const PUSH: &str = "{ id = 'push', send = { channel = 'push', template = 'hello' } }";
const BUYS: &str = "exit = [{ event = 'buy', key = 'sku' }]";

fn first() -> Definitions {
    cart(BUYS, &format!("{IDLE}, {PUSH}"), HELLO)
}

fn view(user: &str, sku: &str) -> Message {
    Message::track(user, "view").with("sku", sku)
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let minute_of = |at: Instant| (at - minute(0)).as_millis() / 60_000;
    outcome.notes.iter().map(|note| format!("{} {} {note}", minute_of(note.at), note.user)).collect()
}

fn content(actions: &[Action]) -> Vec<String> {
    let text = |action: &Action| format!("{} {} {:?}", action.channel, action.step, action.content.get("a"));
    actions.iter().map(text).collect()
}

/// What becomes of a user who waits on `idle` until minute 60, when others take the place of the definitions.
#[test]
fn who_is_in_a_journey_goes_on_under_its_version() {
    let mail = "{ id = 'push', send = { channel = 'email', template = 'hello' } }";
    let [sent, by_mail] =
        ["push", "email"].map(|channel| format!("60 ada cart, step push (boot): sent by {channel}"));
    let (sent, by_mail, over) = (&*sent, &*by_mail, "60 ada cart (boot): completed");
    let segment = "[segments]\nlate = 'did(open)'";
    let branching =
        format!("{IDLE}, {{ id = 'b', branch = [{{ when = 'segment(\"late\")', to = 'end' }}] }}, {PUSH}");
    let pushes = format!("{IDLE}, {PUSH}");
    let with_late = format!("{HELLO}\n{segment}");
    let migrate = |more: &str| format!("on_change = 'migrate'\n{more}");
    for (name, before, after, at_once, later) in [
        (
            "a longer wait, and another channel",
            first(),
            cart(BUYS, &format!("{}, {mail}", IDLE.replace("1h", "3h")), HELLO),
            &[][..],
            &[sent, over][..],
        ),
        (
            "all steps are gone, and the template",
            first(),
            cart("", "{ id = 'rest', wait = '1m' }", ""),
            &[],
            &[sent, over],
        ),
        (
            "a template says something else: it is what it is now",
            first(),
            cart(BUYS, &pushes, &HELLO.replace("'hello'", "'bye'")),
            &[],
            &[sent, over],
        ),
        (
            "a segment is what it is now",
            cart("", &branching, &with_late),
            cart("", &pushes, &with_late.replace("did(open)", "not did(open)")),
            &[],
            &["60 ada cart, step b (boot): branched to end", over],
        ),
        (
            "a segment is gone: the version cannot be run",
            cart("", &branching, &with_late),
            cart("", &format!("{}, {mail}", IDLE.replace("1h", "3h")), HELLO),
            &["10 ada cart, step idle (boot): moved to idle"],
            &[by_mail, over],
        ),
        (
            "a segment is gone, and the step",
            cart("", &branching, &with_late),
            cart("", PUSH, HELLO),
            &["10 ada cart (boot): exited: version gone"],
            &[],
        ),
        (
            "the journey is gone",
            first(),
            Definitions::from_toml("version = 1\n[events.view]\nsku = 'string'").unwrap(),
            &["10 ada cart (boot): exited: redefined"],
            &[],
        ),
        (
            "migrates to the step of the same id",
            first(),
            cart(&migrate(""), &format!("{}, {mail}", IDLE.replace("1h", "3h")), HELLO),
            &[],
            &[by_mail, over],
        ),
        (
            "migrates to the step that is named for it",
            first(),
            cart(
                &migrate("moved_to = { idle = 'rest' }"),
                &format!("{{ id = 'rest', wait = '3h' }}, {mail}"),
                HELLO,
            ),
            &["10 ada cart, step idle (boot): moved to rest"],
            &[by_mail, over],
        ),
        (
            "migrates to a send: it goes out when the wait would have been over",
            first(),
            cart(&migrate("moved_to = { idle = 'push' }"), mail, HELLO),
            &["10 ada cart, step idle (boot): moved to push"],
            &[by_mail, over],
        ),
        (
            "migrates, and the step is gone",
            first(),
            cart(&migrate("moved_to = { other = 'push' }"), mail, HELLO),
            &["10 ada cart (boot): exited: step removed"],
            &[],
        ),
    ] {
        let mut partition = Partition::new(&before);
        partition.ingest(&view("ada", "boot"), minute(0)).unwrap();
        let planned = partition.migration(&after);
        assert_eq!(planned.steps.len(), 1, "{name}");
        assert_eq!((&*planned.steps[0].step, planned.steps[0].users), ("idle", 1), "{name}");
        assert_eq!(notes(&partition.redefine(&after, minute(10))), at_once, "{name}");
        assert_eq!(notes(&partition.advance(minute(61))), later, "{name}: later");
    }
}

/// Content comes from the template of now, or from the one that was, where it is gone.
#[test]
fn templates_are_those_of_now_and_else_those_of_then() {
    for (after, expected) in [
        (cart("", IDLE, &HELLO.replace("'hello'", "'bye'")), "push push Some(String(\"bye\"))"),
        (cart("", IDLE, ""), "push push Some(String(\"hello\"))"),
    ] {
        let mut partition = Partition::new(&first());
        partition.ingest(&view("ada", "boot"), minute(0)).unwrap();
        partition.redefine(&after, minute(10));
        partition.advance(minute(61));
        assert_eq!(content(&partition.outbox(10, Duration::minutes(1), minute(61))), [expected]);
    }
}

#[test]
fn a_version_goes_on_through_many_changes_and_new_entries_take_the_newest() {
    let step = |channel: &str, wait: &str| {
        format!(
            "{{ id = 'idle', wait = '{wait}' }}, {{ id = 'push', send = {{ channel = '{channel}', template = 'hello' }} }}"
        )
    };
    let version = |n: usize| cart(BUYS, &step(&format!("c{n}"), "1h"), HELLO);
    let mut partition = Partition::new(&version(0));
    for n in 0..4 {
        let at = minute(10 * n as i64);
        if n > 0 {
            partition.redefine(&version(n), at);
        }
        partition.ingest(&view("ada", &format!("sku{n}")), at).unwrap();
        partition.ingest(&view("ada", "sku0"), at).unwrap();
    }
    let counts = partition.journey_counts();
    let count = |what: &str| counts.get(&("cart".to_owned(), what.to_owned())).copied();
    assert_eq!(count("entered"), Some(4), "counts go on under the name");
    assert_eq!(count("not entered: in it already"), Some(4), "who is in any version is in the journey");

    // Everything reads as one journey: how many wait where, and what would become of them.
    let migration = partition.migration(&version(3));
    let shown: Vec<String> = migration.steps.iter().map(ToString::to_string).collect();
    let pinned = "cart, step idle: 1 user, go on under their version";
    assert_eq!(shown, ["cart, step idle: 1 user, stay", pinned, pinned, pinned]);
    // Back to the first definitions: who entered by them is in the journey that is defined.
    let migration = partition.migration(&version(0));
    assert_eq!(migration.steps.iter().filter(|step| step.fate.to_string() == "stay").count(), 1);
    partition.redefine(&version(0), minute(31));

    // An exit ends what has the key, in whatever version.
    let outcome = partition.ingest(&Message::track("ada", "buy").with("sku", "sku1"), minute(32)).unwrap();
    assert_eq!(notes(&outcome), ["32 ada cart (sku1): exited: event"]);
    let outcome = partition.advance(minute(91));
    let sent: Vec<String> = notes(&outcome).into_iter().filter(|note| note.contains("sent by")).collect();
    assert_eq!(
        sent,
        [
            "60 ada cart, step push (sku0): sent by c0",
            "80 ada cart, step push (sku2): sent by c2",
            "90 ada cart, step push (sku3): sent by c3",
        ]
    );
    let migrates = cart("on_change = 'migrate'", &step("c9", "1h"), HELLO);
    partition.ingest(&view("ada", "again"), minute(92)).unwrap();
    partition.redefine(&migrates, minute(93));
    let outcome = partition.advance(minute(160));
    assert!(notes(&outcome).contains(&"152 ada cart, step push (again): sent by c9".to_owned()));
}

/// Who starts over starts the journey as it is now.
#[test]
fn a_restart_takes_the_newest_version() {
    let restarts = |channel: &str| {
        let text = first().text().replace("key = 'sku' }\n", "key = 'sku', reentry = 'restart' }\n");
        Definitions::from_toml(&text.replace("'push', template", &format!("'{channel}', template"))).unwrap()
    };
    let mut partition = Partition::new(&restarts("push"));
    partition.ingest(&view("ada", "boot"), minute(0)).unwrap();
    partition.redefine(&restarts("email"), minute(10));
    let outcome = partition.ingest(&view("ada", "boot"), minute(20)).unwrap();
    assert_eq!(notes(&outcome)[0], "20 ada cart (boot): restarted");
    let outcome = partition.advance(minute(90));
    assert_eq!(notes(&outcome)[0], "80 ada cart, step push (boot): sent by email");
}

/// Segments that ask who is in a journey mean it in every version.
#[test]
fn who_goes_on_under_an_earlier_version_is_in_the_journey() {
    let asks = format!("{HELLO}\n[segments]\nin_it = 'in_journey(\"cart\")'");
    let mut partition = Partition::new(&cart("", &format!("{IDLE}, {PUSH}"), &asks));
    partition.ingest(&view("ada", "boot"), minute(0)).unwrap();
    let outcome = partition.redefine(&cart("", PUSH, &asks), minute(10));
    assert_eq!(outcome.changes, []);
    assert!(partition.is_member("ada", "in_it"));
    let outcome = partition.advance(minute(61));
    assert_eq!(outcome.changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ada left in_it"]);
}

#[test]
fn moved_to_names_steps() {
    for (moved, expected) in [
        ("{ idle = 'puhs' }", "unknown step `puhs` (did you mean `push`?)"),
        (
            "{ push = 'idle' }",
            "the step `push` is still there (whoever stands on it stays; name steps that are gone)",
        ),
    ] {
        let text = first().text().replace("[journeys.cart]", &format!("[journeys.cart]\nmoved_to = {moved}"));
        let errors = Definitions::from_toml(&text).unwrap_err().to_string();
        assert!(errors.contains(expected), "{errors}");
    }
}

/// A store that is opened again has whatever versions somebody goes on under.
#[test]
fn versions_outlive_the_process() {
    let second = cart(
        BUYS,
        "{ id = 'idle', wait = '2h' }, { id = 'mail', send = { channel = 'email', template = 'bye' } }",
        "[templates.bye]\na = 'bye'",
    );
    let third = cart("", "{ id = 'rest', wait = '1m' }", "");
    let disk = MemoryDisk::new();
    let open = |definitions: &Definitions| {
        Engine::builder(definitions.clone()).disk(disk.clone()).memory(1).open().unwrap()
    };
    let mut twin = Partition::new(&first());
    let engine = open(&first());
    engine.ingest(view("ada", "boot"), minute(0)).unwrap();
    twin.ingest(&view("ada", "boot"), minute(0)).unwrap();
    engine.redefine(&second, minute(10)).unwrap();
    twin.redefine(&second, minute(10));
    engine.ingest(view("bob", "boot"), minute(11)).unwrap();
    twin.ingest(&view("bob", "boot"), minute(11)).unwrap();
    assert_eq!(engine.migration(&third).unwrap(), twin.migration(&third));
    drop(engine);

    // From the journal alone, then from a checkpoint.
    let engine = open(&second);
    assert_eq!(engine.state().unwrap(), twin.checkpoint().unwrap());
    engine.checkpoint().unwrap();
    drop(engine);
    let engine = open(&third);
    twin.redefine(&third, minute(11));
    assert_eq!(engine.state().unwrap(), twin.checkpoint().unwrap());
    engine.checkpoint().unwrap();
    drop(engine);

    let engine = open(&third);
    assert_eq!((engine.opened().replayed, engine.opened().redefined.is_none()), (0, true));
    let found = engine.advance(minute(140)).unwrap();
    assert_eq!(notes(&found), notes(&twin.advance(minute(140))));
    let actions = engine.outbox(10, minute(140)).unwrap();
    assert_eq!(content(&actions), ["push push Some(String(\"hello\"))", "email mail Some(String(\"bye\"))"]);
    assert_eq!(actions, twin.outbox(10, Duration::minutes(1), minute(140)));
    for action in &actions {
        engine.acknowledge(&action.id, Delivery::Sent, minute(140)).unwrap();
        twin.acknowledge(&action.id, Delivery::Sent, minute(140));
    }
    assert_eq!(engine.state().unwrap(), twin.checkpoint().unwrap());
}

/// What one user gets does not depend on who else is there, though the others decide which versions are kept.
#[test]
fn users_go_on_as_if_they_were_alone() {
    let variants = variants();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..40 {
        let rng = &mut Rng::with_seed(seed);
        let mut now = minute(0);
        let users = ["ada", "bob", "cyd"];
        let begin = &variants[rng.usize(..variants.len())];
        let disk = MemoryDisk::new();
        let mut engine = Engine::builder(begin.clone()).disk(disk.clone()).open().unwrap();
        let mut last = begin;
        let mut alone: Vec<Partition> = users.iter().map(|_| Partition::new(begin)).collect();
        for _ in 0..40 {
            now = now + Duration::minutes(rng.i64(0..30));
            let mut together: Vec<String>;
            let mut apart: Vec<String> = Vec::new();
            match rng.u32(0..12) {
                0..5 => {
                    let user = rng.usize(..3);
                    let event = ["view", "view", "buy", "open"][rng.usize(..4)];
                    let sku = ["boot", "sock"][rng.usize(..2)];
                    let message = Message::track(users[user], event).with("sku", sku);
                    let message = if event == "open" { Message::track(users[user], event) } else { message };
                    together = notes(&engine.ingest(message.clone(), now).unwrap());
                    for (number, partition) in alone.iter_mut().enumerate() {
                        let outcome = match number == user {
                            true => partition.ingest(&message, now).unwrap(),
                            // The clock moves for everybody.
                            false => partition.advance(now),
                        };
                        apart.extend(notes(&outcome));
                    }
                }
                5..8 => {
                    last = &variants[rng.usize(..variants.len())];
                    together = notes(&engine.redefine(last, now).unwrap());
                    alone
                        .iter_mut()
                        .for_each(|partition| apart.extend(notes(&partition.redefine(last, now))));
                }
                8..10 => {
                    let lines = |actions: Vec<Action>| -> Vec<String> {
                        actions.iter().map(|action| format!("{action:?}")).collect()
                    };
                    together = notes(&engine.advance(now).unwrap());
                    let actions = engine.outbox(100, now).unwrap();
                    let said = [Delivery::Sent, Delivery::Opened, Delivery::Failed][rng.usize(..3)];
                    let mut answered = Vec::new();
                    for action in actions.iter().filter(|_| rng.bool()) {
                        answered.push(action.id.clone());
                        let outcome = engine.acknowledge(&action.id, said, now).unwrap().outcome;
                        together.extend(notes(&outcome));
                    }
                    together.extend(lines(actions));
                    for partition in &mut alone {
                        apart.extend(notes(&partition.advance(now)));
                        let actions = partition.outbox(100, Duration::minutes(1), now);
                        for action in actions.iter().filter(|action| answered.contains(&action.id)) {
                            let outcome = partition.acknowledge(&action.id, said, now).outcome;
                            apart.extend(notes(&outcome));
                        }
                        apart.extend(lines(actions));
                    }
                }
                _ => {
                    if rng.bool() {
                        engine.checkpoint().unwrap();
                    }
                    let state = engine.state().unwrap();
                    drop(engine);
                    engine = Engine::builder(last.clone()).disk(disk.clone()).open().unwrap();
                    assert!(engine.state().unwrap() == state, "seed {seed}: opened again it is another one");
                    together = Vec::new();
                }
            }
            together.sort();
            apart.sort();
            assert_eq!(together, apart, "seed {seed}");
            for word in ["sent by", "moved to", "version gone", "step removed", "restarted", "exited: event"]
            {
                *seen.entry(word).or_default() += together.iter().filter(|line| line.contains(word)).count();
            }
        }
    }
    assert!(seen.values().all(|count| *count > 0), "{seen:?} proves little");
}

fn variants() -> Vec<Definitions> {
    let late = "[segments]\nlate = 'did(open in 2h)'";
    let restarts = |definitions: &Definitions| {
        Definitions::from_toml(
            &definitions.text().replace("key = 'sku' }\n", "key = 'sku', reentry = 'restart' }\n"),
        )
        .unwrap()
    };
    let branch = "{ id = 'b', branch = [{ when = 'segment(\"late\")', to = 'end' }] }";
    let count = "{ id = 'b', branch = [{ when = 'count(view in 3h) >= 2', to = 'mail' }] }";
    let mail = "{ id = 'mail', send = { channel = 'email', template = 'hello' } }";
    let twice = format!("{IDLE}, {PUSH}, {{ id = 'again', wait = '40m' }}, {mail}");
    let both = format!("{HELLO}\n{late}");
    let capped = format!("{HELLO}\n[[delivery.cap]]\nscope = 'global'\nmax = 2\nwindow = '3h'");
    // What one version comes to ask for was kept by all: history begins where somebody asks for it first.
    let keeping = |definitions: Definitions| {
        let keeps = "[placements.keep]\nvariant = [{ name = 'a', when = 'count(view in 3h) > 9 or did(open in 2h)' }]";
        Definitions::from_toml(&format!("{}\n{keeps}", definitions.text())).unwrap()
    };
    let variants = vec![
        first(),
        cart("", &twice, HELLO),
        cart(BUYS, &format!("{IDLE}, {branch}, {PUSH}"), &both),
        restarts(&cart(BUYS, &format!("{{ id = 'idle', wait = '20m' }}, {count}, {PUSH}, {mail}"), &capped)),
        cart(
            "exit = [{ segment_entered = 'late' }]",
            &format!("{PUSH}, {{ id = 'rest', wait = '2h' }}, {mail}"),
            &both,
        ),
        cart(
            "on_change = 'migrate'\nmoved_to = { idle = 'rest' }",
            &format!("{{ id = 'rest', wait = '1h' }}, {PUSH}"),
            HELLO,
        ),
        cart("class = 'service'\non_change = 'migrate'", &twice, &capped),
        cart("", "{ id = 'rest', wait = '5m' }", ""),
    ];
    variants.into_iter().map(keeping).collect()
}

/// Whoever goes to another partition goes on there under the version by which it entered, whoever else is in it.
#[test]
fn versions_are_the_same_in_all_partitions() {
    let second = cart("", "{ id = 'rest', wait = '1m' }", "");
    for is_stored in [false, true] {
        let disk = MemoryDisk::new();
        let builder = || {
            let builder = Engine::builder(first()).partitions(4);
            if is_stored { builder.disk(disk.clone()) } else { builder }
        };
        let mut engine = builder().open().unwrap();
        // One user is in it: the other partitions have nobody who needs the version.
        engine.ingest(Message::track("ada", "view").with("sku", "boot"), minute(0)).unwrap();
        assert_eq!(engine.migration(&second).unwrap().steps.len(), 1);
        engine.redefine(&second, minute(10)).unwrap();
        engine.redefine(&second, minute(11)).unwrap();
        for number in 0..8 {
            engine.ingest(Message::track(format!("user{number}"), "open"), minute(12)).unwrap();
        }
        if is_stored {
            engine.checkpoint().unwrap();
            drop(engine);
            let again = Engine::builder(second.clone()).partitions(4).disk(disk.clone());
            engine = again.open().unwrap();
        }
        let mut name = "ada".to_owned();
        for number in 0..8 {
            let next = format!("user{number}");
            engine.ingest(Message::merge(&*name, &*next, "one person"), minute(13)).unwrap();
            name = next;
        }
        let outcome = engine.advance(minute(61)).unwrap();
        assert_eq!(
            notes(&outcome),
            ["60 user7 cart, step push (boot): sent by push", "60 user7 cart (boot): completed"]
        );
    }
}
