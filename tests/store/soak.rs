//! Many inputs about many users, of whom few fit into memory.

use crate::stream::{Setting, Stream, digest, give, twin};
use bespoke::engine::Durability;
use bespoke::storage::MemoryDisk;

/// `SOAK=10000000 cargo test --release --test store soak -- --nocapture` takes as many inputs, and says how far it is.
#[test]
fn memory_stays_below_its_setting() {
    let inputs = std::env::var("SOAK").ok().and_then(|inputs| inputs.parse().ok()).unwrap_or(3_000_u64);
    let limit = 60_000;
    // A checkpoint writes tables whose size follows the inputs, so there are as many however long it takes.
    let checkpoint_bytes = inputs.saturating_mul(4).max(200_000);
    let setting = Setting { durability: Durability::Written, memory: limit, checkpoint_bytes };
    let disk = MemoryDisk::new();
    let (engine, twin) = (setting.open(disk.clone(), false).unwrap(), twin());
    let mut stream = Stream::new(7, (inputs / 10) as u32);
    let mut most = 0;
    for number in 0..inputs {
        let step = stream.step();
        let answer = give(&engine, &step, stream.now).map(|(words, _)| words);
        assert_eq!(answer, stream.give(&twin, &step), "input {number}");
        most = most.max(engine.memory_used());
        assert!(engine.memory_used() <= limit, "input {number}: {} bytes", engine.memory_used());
        if number % 100_000 == 99_999 {
            eprintln!("{} of {inputs} inputs, {most} bytes at most", number + 1);
        }
    }
    assert!(most > limit / 2, "{most} bytes at most prove little");
    drop(engine);
    let engine = setting.open(disk, stream.more).unwrap();
    assert!(digest(&engine) == digest(&twin), "another state when opened again");
    assert!(engine.memory_used() <= limit);
}
