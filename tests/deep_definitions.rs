//! Expressions at the limits of depth are evaluated on a thread with the usual stack, also in a debug build.
#![allow(clippy::unwrap_used)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Instant, Message};

fn run(segments: &str) {
    let text = format!(
        "version = 1\n[attributes]\nn = \"number\"\n[events.view]\nsku = \"string\"\n[segments]\n{segments}"
    );
    let definitions = Definitions::from_toml(&text).unwrap();
    let mut partition = Partition::new(&definitions);
    let now = Instant::from_millis(1_790_000_000_000);
    partition.ingest(&Message::identify("ada").with("n", 5), now).unwrap();
    partition.ingest(&Message::track("ada", "view").with("sku", "a"), now).unwrap();
    partition.advance(Instant::from_millis(1_800_000_000_000));
}

#[test]
fn deep_expressions() {
    for (open, inner, close, levels) in [
        ("not (", "n = 5", ")", 60),
        ("abs(", "n", ") > 1", 60),
        ("min_of(1, ", "n", ") > 1", 60),
        ("(1 + ", "n", ") > 1", 120),
        ("-", "n", " > 1", 110),
        ("not ", "n = 5", "", 110),
        ("did(view where not (", "sku = \"a\"", "))", 1),
    ] {
        let (closing, last) = close.split_once(')').map_or(("", close), |(_, rest)| (")", rest));
        let text = format!("{}{inner}{}{last}", open.repeat(levels), closing.repeat(levels));
        let text = if levels == 1 { format!("{open}{inner}{close}") } else { text };
        run(&format!("s = '{text}'"));
    }
}

#[test]
fn long_chains_of_segments() {
    let links = |inner: &dyn Fn(usize) -> String| -> String {
        (0..60)
            .map(|i| format!("s{i} = '{}'\n", if i == 0 { "n = 5".to_owned() } else { inner(i - 1) }))
            .collect()
    };
    run(&links(&|i| format!("not segment(\"s{i}\")")));
    run(&links(&|i| format!("segment(\"s{i}\") or segment(\"s{i}\") and segment(\"s{i}\")")));
}
