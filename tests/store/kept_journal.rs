//! A journal that is kept: what is in it brings about the same state once more, it goes when its time is over, and of whom
//! was erased it has nothing.

use crate::small::{files, folder};
use crate::stream::{Setting, Step, Stream, give, runs, text};
use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine, Error, Input, JournalEntry, Partition};
use bespoke::model::{Body, Duration, Instant, Message};
use bespoke::storage::{ErrorKind, MemoryDisk};
use std::thread;

const LEVELS: [Durability; 3] = [Durability::Memory, Durability::Written, Durability::Synced];

/// The definitions of streams, with a journal that is kept.
fn definitions(more: bool, journal: &str, erases: bool) -> Definitions {
    let mut text =
        text(more).replace("outbox = \"6h\"", &format!("outbox = \"6h\"\n journal = \"{journal}\""));
    if !erases {
        text = text.replace("anonymous = \"8h\"", "").replace("idle = \"20h\"", "");
    }
    Definitions::from_toml(&text).unwrap()
}

fn open(disk: &MemoryDisk, setting: &Setting, definitions: Definitions) -> Engine {
    open_parted(disk, setting, definitions, 1)
}

fn open_parted(disk: &MemoryDisk, setting: &Setting, definitions: Definitions, partitions: u16) -> Engine {
    let builder = Engine::builder(definitions).disk(disk.clone()).durability(setting.durability);
    let builder = builder.partitions(partitions);
    builder.memory(setting.memory).checkpoint_bytes(setting.checkpoint_bytes).open().unwrap()
}

fn entries(engine: &Engine, from: u64) -> Vec<JournalEntry> {
    engine.journal(0, from).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Whether an input names a user, in whatever place.
fn names(input: &Input, user: &str) -> bool {
    format!("{input:?}").contains(&format!("{user:?}"))
}

/// Who was forgotten, at which input, and when.
type Forgotten = (String, u64, Instant);

/// Runs a stream over a store that is opened anew now and then. Gives it with who was forgotten.
fn stream(seed: u64, erases: bool, partitions: u16) -> (Engine, Vec<Forgotten>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let setting = Setting::any(&mut rng, &LEVELS);
    let disk = MemoryDisk::new();
    let (mut stream, mut forgotten) = (Stream::new(seed, 6), Vec::new());
    let mut engine = open_parted(&disk, &setting, definitions(false, "3650d", erases), partitions);
    for _ in 0..250 {
        let step = stream.step();
        match &step {
            Step::Message(message) if step.is_forget() && erases => {
                let outcome = engine.ingest(message, stream.now).unwrap();
                if let (Some(user), Some(receipt)) = (&message.ids.user, &outcome.receipt) {
                    forgotten.push((user.to_string(), receipt.position, stream.now));
                }
            }
            _ if step.is_forget() => {}
            Step::Redefine(more) => {
                engine.redefine(&definitions(*more, "3650d", erases), stream.now).unwrap();
                stream.more = *more;
            }
            _ => {
                // What is refused is not written.
                let _ = give(&engine, &step, stream.now);
            }
        }
        match rng.u32(0..30) {
            0 => engine.checkpoint().unwrap(),
            1 => {
                drop(engine);
                engine = open_parted(&disk, &setting, definitions(stream.more, "3650d", erases), partitions);
                assert!(engine.opened().redefined.is_none(), "seed {seed}");
            }
            _ => {}
        }
    }
    (engine, forgotten)
}

#[test]
fn what_was_taken_in_brings_about_the_same_state_once_more() {
    for seed in 0..runs(6) {
        let (engine, _) = stream(seed, false, 1);
        let mut partition = Partition::new(&definitions(false, "3650d", false));
        let entries = entries(&engine, 1);
        assert_eq!(entries.len() as u64, engine.sequence(), "seed {seed}");
        for (number, entry) in (1..).zip(&entries) {
            assert_eq!(entry.sequence, number, "seed {seed}");
            let replayed = partition.replay(entry.input.as_ref().unwrap()).unwrap();
            let sequence = replayed.outcome().map(|outcome| outcome.sequence);
            assert!(sequence.is_none_or(|sequence| sequence == number), "seed {seed}: {replayed:?}");
        }
        assert!(partition.checkpoint().unwrap() == engine.state().unwrap(), "seed {seed}");
    }
}

#[test]
fn nothing_names_whom_was_forgotten() {
    let mut erased = 0;
    for seed in 0..runs(8) {
        let (engine, forgotten) = stream(seed, true, 1);
        let mut journal = engine.journal(0, 1).unwrap();
        let entries: Vec<JournalEntry> = journal.by_ref().collect::<Result<_, _>>().unwrap();
        assert_eq!(entries.len() as u64, engine.sequence(), "seed {seed}");
        for (user, position, _) in &forgotten {
            for entry in entries.iter().filter(|entry| entry.sequence <= *position) {
                let input = entry.input.as_ref().map(|input| &input.input);
                assert!(
                    !input.is_some_and(|input| names(input, user)),
                    "seed {seed}: {user}, forgotten with input {position}: {entry:?}"
                );
            }
        }
        erased += journal.erased();
    }
    assert!(erased > 100, "{erased} inputs of users who were erased prove little");
}

#[test]
fn nothing_in_any_partition_names_whom_was_forgotten() {
    let mut read = 0;
    for seed in 0..runs(4) {
        let (engine, forgotten) = stream(seed, true, 3);
        for partition in 0..3 {
            for entry in engine.journal(partition, 1).unwrap().map(Result::unwrap) {
                let Some(input) = &entry.input else { continue };
                read += 1;
                let is_named = |(user, _, at): &&Forgotten| input.now < *at && names(&input.input, user);
                let named = forgotten.iter().find(is_named);
                assert!(named.is_none(), "seed {seed}, partition {partition}: {named:?} is in {entry:?}");
            }
        }
    }
    assert!(read > 100, "{read} inputs prove little");
}

const VIEWS: &str = "version = 1\n[events.view]\nn = 'number'\n[segments]\nseen = 'count(view in 1h) >= 3'\n";
const START: Instant = Instant::from_millis(1_795_428_000_000);

fn views(journal: &str) -> Definitions {
    Definitions::from_toml(&format!("{VIEWS}{journal}")).unwrap()
}

const HOUR: &str = "[retention]\njournal = '1h'";

fn view(engine: &Engine, minute: i64) {
    let message = Message::track(format!("user-{}", minute % 7), "view").with("n", minute);
    engine.ingest(message, START + Duration::minutes(minute)).unwrap();
}

/// The minute in which an input came.
fn minute(entry: &JournalEntry) -> i64 {
    let input = entry.input.as_ref().unwrap();
    (input.now - START).as_millis() / 60_000
}

#[test]
fn inputs_go_when_their_time_is_over_and_not_before() {
    let disk = MemoryDisk::new();
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: 900 };
    let mut engine = open(&disk, &setting, views(HOUR));
    let mut bytes_most = 0;
    for now in 0..400 {
        view(&engine, now);
        let health = engine.health().store.unwrap();
        let kept = entries(&engine, health.journal_from);
        assert_eq!(kept.last().map(|entry| entry.sequence), Some(engine.sequence()));
        let oldest = now - minute(&kept[0]);
        // All that is young enough is there, and of the rest little, and not for long.
        assert!(oldest >= now.min(60) && oldest <= 75, "minute {now}: the oldest is {oldest} minutes old");
        bytes_most = bytes_most.max(health.journal);
        if now % 100 == 57 {
            drop(engine);
            engine = open(&disk, &setting, views(HOUR));
            assert_eq!(engine.health().store.unwrap().journal_from, health.journal_from);
        }
    }
    engine.checkpoint().unwrap();
    let files: u64 = files(&disk)
        .iter()
        .filter(|(name, _)| name.starts_with("journal-"))
        .map(|(_, b)| b.len() as u64)
        .sum();
    assert_eq!(engine.health().store.unwrap().journal, files);
    assert!(bytes_most < 200_000, "{bytes_most}");
}

#[test]
fn without_the_setting_they_go_with_a_checkpoint() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: u64::MAX };
    let engine = open(&MemoryDisk::new(), &setting, views(""));
    (0..9).for_each(|minute| view(&engine, minute));
    assert_eq!(engine.health().store.unwrap().journal_from, 1);
    engine.checkpoint().unwrap();
    view(&engine, 10);
    assert_eq!(engine.health().store.unwrap().journal_from, 10);
    assert_eq!(entries(&engine, 10).len(), 1);
    let Err(Error::Storage(error)) = engine.journal(0, 9) else { panic!("what is gone is told") };
    assert_eq!(error.kind(), ErrorKind::Dropped);
    // From now on they stay.
    engine.redefine(&views(HOUR), START + Duration::minutes(11)).unwrap();
    engine.checkpoint().unwrap();
    assert_eq!(entries(&engine, 10).len(), 2);
    assert!(matches!(Engine::builder(views("")).open().unwrap().journal(0, 1), Err(Error::NoJournal)));
}

#[test]
fn what_is_still_to_be_read_stays() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: 300 };
    let engine = open(&MemoryDisk::new(), &setting, views(HOUR));
    (0..50).for_each(|minute| view(&engine, minute));
    let mut reading = engine.journal(0, 1).unwrap();
    let first: Vec<_> = reading.by_ref().take(10).map(Result::unwrap).collect();
    (50..400).for_each(|minute| view(&engine, minute));
    engine.checkpoint().unwrap();
    let rest: Vec<_> = reading.by_ref().map(Result::unwrap).collect();
    let sequences: Vec<u64> = first.iter().chain(&rest).map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=50).collect::<Vec<_>>(), "all that was there when it began, and no more");
    drop(reading);
    engine.checkpoint().unwrap();
    assert!(engine.health().store.unwrap().journal_from > 200);
}

#[test]
fn others_write_while_it_is_read() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: 2_000 };
    let engine = open(&MemoryDisk::new(), &setting, views("[retention]\njournal = '100d'"));
    view(&engine, 0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..400).for_each(|minute| view(&engine, minute)));
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let taken = engine.sequence();
                    let sequences: Vec<u64> =
                        entries(&engine, 1).iter().map(|entry| entry.sequence).collect();
                    assert!(sequences.len() as u64 >= taken);
                    assert!(sequences.iter().copied().eq(1..=sequences.len() as u64));
                }
            });
        }
    });
    assert_eq!(entries(&engine, 1).len(), 801);
}

#[test]
fn who_is_erased_meanwhile_is_erased_for_whoever_reads() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: u64::MAX };
    let engine = open(&MemoryDisk::new(), &setting, views("[retention]\njournal = '100d'"));
    (0..14).for_each(|minute| view(&engine, minute));
    let mut reading = engine.journal(0, 1).unwrap();
    assert!(reading.next().unwrap().unwrap().input.is_some());
    engine.ingest(Message::forget("user-0"), START).unwrap();
    let of_user = |entry: &JournalEntry| entry.sequence % 7 == 1;
    for entry in reading.by_ref().map(Result::unwrap) {
        assert_eq!(entry.input.is_none(), of_user(&entry), "{entry:?}");
    }
    assert_eq!(reading.erased(), 1);
    // Who asked for it is not in it either.
    let last = entries(&engine, 15).pop().unwrap();
    assert_eq!((last.sequence, last.input), (15, None));
    // Nobody is forgotten twice, and nobody who was never there is named.
    for user in ["user-0", "stranger"] {
        engine.ingest(Message::forget(user), START).unwrap();
    }
    let is_named =
        |entry: &JournalEntry| entry.input.as_ref().is_some_and(|input| names(&input.input, "stranger"));
    assert!(!entries(&engine, 1).iter().any(is_named));
}

#[test]
fn who_were_one_for_a_time_are_forgotten_apart() {
    let setting = Setting { durability: Durability::Written, memory: 0, checkpoint_bytes: u64::MAX };
    for (forgotten, other) in [("ada", "bob"), ("bob", "ada")] {
        let disk = MemoryDisk::new();
        let definitions = || views("[retention]\njournal = '100d'");
        let engine = open(&disk, &setting, definitions());
        let ingest = |message: Message| drop(engine.ingest(message, START).unwrap());
        let view = |user: &str| Message::track(user, "view").with("n", 1);
        ["ada", "bob"].into_iter().for_each(|user| ingest(view(user)));
        ingest(Message::merge("bob", "ada", "they said so"));
        ["ada", "bob"].into_iter().for_each(|user| ingest(view(user)));
        engine.checkpoint().unwrap();
        ingest(Message::split("ada", ["bob"]));
        ["ada", "bob"].into_iter().for_each(|user| ingest(view(user)));
        ingest(Message::forget(forgotten));
        for entry in entries(&engine, 1) {
            let named = entry.input.as_ref().is_some_and(|input| names(&input.input, forgotten));
            assert!(!named, "{forgotten} is in {entry:?}");
        }
        let left = engine.profile(other).unwrap();
        assert!(left.is_some());
        drop(engine);
        let engine = open(&disk, &setting, definitions());
        assert_eq!(engine.profile(other).unwrap(), left);
        assert_eq!(engine.profile(forgotten).unwrap(), None);
    }
}

#[test]
fn what_is_damaged_is_named_and_the_store_opens() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: 400 };
    let disk = MemoryDisk::new();
    let engine = open(&disk, &setting, views("[retention]\njournal = '100d'"));
    (0..60).for_each(|minute| view(&engine, minute));
    engine.checkpoint().unwrap();
    drop(engine);
    let mut files = files(&disk);
    let name = "journal-00000003";
    let middle = (files[name].len() + 1_536) / 2;
    files.get_mut(name).unwrap()[middle] ^= 4;
    let damaged = folder(&files);
    let engine = open(&damaged, &setting, views("[retention]\njournal = '100d'"));
    let read: Vec<_> = engine.journal(0, 1).unwrap().collect();
    let (last, before) = read.split_last().unwrap();
    assert!(before.iter().all(Result::is_ok) && before.len() > 5 && before.len() < 60);
    let Err(Error::Storage(error)) = last else { panic!("{last:?}") };
    assert_eq!((error.kind(), error.file()), (ErrorKind::Corrupt, Some(name)), "{error}");
    assert!(error.position().is_some_and(|at| at <= middle as u64 && at >= 1_536), "{error}");
    // Behind the file all is there.
    assert_eq!(entries(&engine, 40).len(), 21);
}

#[test]
fn what_is_minimised_is_not_in_it() {
    let setting = Setting { durability: Durability::Written, memory: usize::MAX, checkpoint_bytes: u64::MAX };
    let text = "version = 1\n[events.order]\nphone = { kind = 'string', store = 'drop' }\n[retention]\njournal = '9d'";
    let engine = open(&MemoryDisk::new(), &setting, Definitions::from_toml(text).unwrap());
    engine.ingest(Message::track("ada", "order").with("phone", "+44 1815"), START).unwrap();
    let entry = entries(&engine, 1).pop().unwrap();
    let Some(Input::Message(message)) = entry.input.map(|input| input.input) else {
        panic!("a message is one")
    };
    let Body::Track { properties, .. } = &message.body else { panic!("{message:?}") };
    assert!(properties.get("phone").is_none());
}
