//! What is left in a store of somebody who was forgotten, for whoever has all the keys that are left.

use crate::definitions::Definitions;
use crate::engine::open::read_all;
use crate::engine::page::{IDS, read_page};
use crate::engine::residence::USER;
use crate::engine::root::Root;
use crate::engine::section::{PIECE, SECTION};
use crate::engine::unit::{open_input, read_group};
use crate::engine::{Durability, Engine};
use crate::model::{Duration, Ids, Instant, Message, Record};
use crate::storage::{Disk, FileJournal, Heap, MemoryDisk, Slot, Vault, load_root};
use std::sync::Arc;

const DEFINITIONS: &str = r#"
    version = 1
    [attributes]
    city = "string"
    age = "number"
    [events.view]
    sku = "string"
    [segments]
    silent = "not did(view in 2h)"
    lover = { by = "sku", when = "count(view in 1d) >= 2" }
    [templates.hello]
    title = "Hello {{ user.city }}"
    [journeys.welcome]
    enter = { event = "view" }
    step = [{ id = "hello", send = { channel = "push", template = "hello" } }]
    [recommend]
    interactions = { view = { item = "sku" } }
"#;

const USER_ID: &str = "ada.lovelace@analytical.example";
const DEVICE: &str = "device-of-the-countess";
const CITY: &str = "Marylebone-Square-12";

/// Everything in the store that the keys that are left open, and what is not sealed.
fn opened(disk: &MemoryDisk) -> Vec<Vec<u8>> {
    let root: Root = read_all(&load_root(disk).unwrap().unwrap()).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let vault = Vault::look(disk).unwrap();
    let (heap, _) = Heap::look(shared, &root.files).unwrap();
    let mut all = heap.records();
    let mut unseal = |sealed: &[u8]| {
        for slot in (0..vault.slots()).map(Slot) {
            for context in [USER, SECTION, PIECE, IDS] {
                let mut plain = Vec::new();
                if vault.open(slot, context, sealed, &mut plain).is_ok_and(|open| open) {
                    all.push(plain);
                }
            }
        }
    };
    for record in heap.records() {
        unseal(&record);
        for entry in read_page(&record).into_iter().flatten().map_while(Result::ok) {
            unseal(entry.ids);
        }
    }
    assert!(all.len() > 8, "{} records prove little", all.len());
    // Also what a checkpoint has passed, where that stays.
    let look = |from| FileJournal::look(disk, from, &|_| true);
    let mut journal = look(0).or_else(|_| look(root.next_input)).unwrap();
    while let Some(group) = journal.next_group().unwrap() {
        for (number, record) in (group.first..).zip(read_group(&group.payload)) {
            let (slot, sealed) = record.unwrap();
            if let Some(input) = open_input(&vault, number, slot, sealed).unwrap() {
                let mut plain = Vec::new();
                input.write(&mut plain);
                all.push(plain);
            }
        }
    }
    all
}

fn find(disk: &MemoryDisk) -> Vec<&'static str> {
    let all = opened(disk);
    let is_in =
        |text: &&str| all.iter().any(|plain| plain.windows(text.len()).any(|part| part == text.as_bytes()));
    [USER_ID, DEVICE, CITY].into_iter().filter(is_in).collect()
}

#[test]
fn no_key_that_is_left_opens_anything_about_who_was_forgotten() {
    let kept = format!("{DEFINITIONS}[retention]\njournal = '30d'");
    for (memory, definitions) in [0, usize::MAX].into_iter().flat_map(|m| [(m, DEFINITIONS), (m, &kept)]) {
        let disk = MemoryDisk::new();
        let definitions = Definitions::from_toml(definitions).unwrap();
        let engine = Engine::builder(definitions).disk(disk.clone()).memory(memory);
        let engine = engine.durability(Durability::Written).open().unwrap();
        let now = Instant::from_millis(1_795_428_000_000);
        let ingest = |message: Message| drop(engine.ingest(message, now).unwrap());
        ingest(Message::track("bob", "view").with("sku", "boot"));
        ingest(Message::track(Ids::anonymous(DEVICE), "view").with("sku", "boot"));
        ingest(Message::identify(Ids::both(USER_ID, DEVICE)).with("city", CITY).with("age", 36));
        ingest(Message::track(USER_ID, "view").with("sku", "sock"));
        engine.checkpoint().unwrap();
        ingest(Message::track(USER_ID, "view").with("sku", "sock"));
        // Twice, so that records are given up, with an action on its way.
        engine.checkpoint().unwrap();
        engine.outbox(1, now + Duration::minutes(1)).unwrap();
        assert_eq!(find(&disk), [USER_ID, DEVICE, CITY], "it is found as long as it is there");
        ingest(Message::forget(USER_ID));
        assert_eq!(find(&disk), [""; 0], "memory {memory}");
        // A host that is not sure says it once more.
        ingest(Message::forget(USER_ID));
        assert_eq!(find(&disk), [""; 0], "memory {memory}, once more");
    }
}
