//! What you learn: an engine over a folder. Inputs survive the process, users who are not used leave memory, and who is
//! forgotten is gone from every file.

use bespoke::definitions::Definitions;
use bespoke::engine::{Durability, Engine};
use bespoke::model::{Duration, Instant, Message};
use std::error::Error;
use std::path::Path;

fn open(folder: &Path) -> Result<Engine, Box<dyn Error>> {
    let definitions = Definitions::from_toml(
        r#"
        version = 1
        [attributes]
        email = "string"
        [events.view]
        sku = "string"
        [segments]
        keen = "count(view in 7d) >= 3"
        "#,
    )?;
    // Acknowledged means that it outlives the machine. Of all users, 64 KiB are in memory.
    Ok(Engine::builder(definitions).store(folder).durability(Durability::Synced).memory(64 * 1024).open()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("bespoke-durable-{}", std::process::id()));
    let now: Instant = "2026-11-23T10:00:00Z".parse()?;

    let engine = open(&folder)?;
    engine.ingest(Message::identify("ada-lovelace").with("email", "ada@example.org"), now)?;
    // A group is written, and synced, at once; each message has an answer of its own.
    let views: Vec<Message> = (0..3_000)
        .map(|i| Message::track(format!("user-{}", i % 1_000), "view").with("sku", "boot-7"))
        .collect();
    for answer in engine.ingest_all(&views, now) {
        answer?;
    }
    assert_eq!(engine.size("keen")?, 1_000);

    // Nobody said goodbye: the engine goes on where it was, from the journal.
    drop(engine);
    let engine = open(&folder)?;
    println!("replayed {} inputs", engine.opened().replayed);
    assert_eq!(engine.size("keen")?, 1_000);
    assert!(engine.profile("user-77")?.is_some());

    // A checkpoint makes opening independent of what came before it. Time that passes is an input like any other.
    engine.checkpoint()?;
    assert_eq!(engine.advance(now + Duration::days(7))?.changes.len(), 1_000);

    // Erased: from memory, and from every file.
    engine.ingest(Message::forget("ada-lovelace"), now)?;
    assert!(engine.profile("ada-lovelace")?.is_none());
    drop(engine);
    for file in std::fs::read_dir(&folder)? {
        let bytes = std::fs::read(file?.path())?;
        for known in [&b"ada-lovelace"[..], b"ada@example.org"] {
            assert!(!bytes.windows(known.len()).any(|text| text == known), "no file knows who it was");
        }
    }
    let engine = open(&folder)?;
    println!("{} users, opened after {} inputs", engine.opened().users, engine.opened().replayed);
    assert_eq!(engine.user_count(), 1_000);

    drop(engine);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
