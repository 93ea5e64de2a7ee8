//! No text makes definitions panic; and those that are accepted make an engine that takes messages.
#![no_main]
use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Duration, Instant, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Definitions::from_toml(text) {
        Err(errors) => drop(format!("{errors}")),
        Ok(definitions) => {
            let mut partition = Partition::new(&definitions);
            let now = Instant::from_millis(1_790_000_000_000);
            for event in ["view", "purchase"] {
                let message = Message::track("ada", event).with("sku", "boot-7").with("amount", 5);
                let _ = partition.ingest(&message, now);
            }
            partition.advance(now + Duration::days(40));
        }
    }
});
