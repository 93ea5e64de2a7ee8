//! Random expressions of the forms.

use crate::{DAY, HOUR, at, device, start};
use bespoke::definitions::Definitions;
use bespoke::engine::Partition;
use bespoke::model::{Message, Value};

fn any_value(rng: &mut fastrand::Rng, depth: u32) -> String {
    const VALUES: [&str; 18] = [
        "os",
        "last_seen",
        "now",
        "2d",
        "\"ios\"",
        "user.name",
        "version(os)",
        "version(\"4.10\")",
        "version(name)",
        "lifecycle",
        "\"lost\"",
        "score(\"use\")",
        "score(\"us\")",
        "1.5",
        "request.page",
        "sku",
        "key",
        "now - last_seen",
    ];
    if depth == 0 || rng.u32(0..3) > 0 {
        return (*rng.choice(&VALUES).unwrap()).to_owned();
    }
    let inner = any_value(rng, depth - 1);
    match rng.u32(0..6) {
        0 => format!("abs({inner})"),
        1 => format!("max_of(3, {inner})"),
        2 => format!("({inner} * 2)"),
        3 => format!("version({inner})"),
        4 => format!("({inner} - {})", any_value(rng, depth - 1)),
        _ => format!("({inner} + {})", any_value(rng, depth - 1)),
    }
}

fn any_condition(rng: &mut fastrand::Rng, depth: u32) -> String {
    if depth == 0 || rng.u32(0..3) == 0 {
        let sign = *rng.choice(&["=", "!=", "<", ">=", ">"]).unwrap();
        return match rng.u32(0..6) {
            0 => format!("{} is missing", any_value(rng, 2)),
            1 => format!("{} in [\"1\", \"lost\"]", any_value(rng, 2)),
            _ => format!("{} {sign} {}", any_value(rng, 2), any_value(rng, 2)),
        };
    }
    let inner = any_condition(rng, depth - 1);
    match rng.u32(0..8) {
        0 => format!("not ({inner})"),
        1 => format!("({inner} or {})", any_condition(rng, depth - 1)),
        2 => format!("some sku: (did(open in 1d) and {inner})"),
        3 => format!("did(open where {inner} in 1d)"),
        4 => format!("segment(\"lost\") and {inner}"),
        5 => format!("has(phones where {inner})"),
        _ => format!("has(devices where {inner})"),
    }
}

#[test]
fn whatever_is_built_of_the_forms_is_refused_with_words_or_runs() {
    const BEFORE: &str = r#"
version = 1
[attributes]
name = "string"
devices = [{ os = "string", last_seen = "instant" }]
[events.open]
sku = "string"
[scores.use]
half_life = "3h"
points = [{ event = "open", points = 1 }, { when = 'segment("lost")', points = -1 }]
[lifecycle]
order = ["lost"]
[segments]
lost = 'not did(open in 2d)'
"#;
    let mut accepted = 0;
    for seed in 0..3_000 {
        let text = any_condition(&mut fastrand::Rng::with_seed(seed), 3);
        let definitions = match Definitions::from_toml(&format!("{BEFORE}s = '{text}'\n")) {
            Err(errors) => {
                assert!(
                    errors.iter().all(|error| error.line() == 15 && error.message().len() > 10),
                    "{errors:#}"
                );
                continue;
            }
            Ok(definitions) => definitions,
        };
        accepted += 1;
        let mut partition = Partition::new(&definitions);
        let devices = Value::List(vec![device("ios", -DAY), device("4.11", 0)]);
        partition.ingest(&Message::identify("ada").with("devices", devices).at(start()), start()).unwrap();
        for hours in [1, 2, 7, 60] {
            let open = Message::track("ada", "open").with("sku", "ios").at(at(hours * HOUR));
            partition.ingest(&open, at(hours * HOUR)).unwrap();
        }
        partition.advance(at(400 * HOUR));
    }
    assert!(accepted > 200, "{accepted}");
}

#[test]
fn scores_and_segments_that_ask_for_one_another_end_at_a_limit() {
    // Each segment asks twice for a score that asks for the segment before it.
    let chain = |length: usize, beyond: &str| {
        let mut text = "version = 1\n[attributes]\nvip = 'bool'\ndevices = [{ os = 'string' }]\n".to_owned();
        for i in 1..length {
            text +=
                &format!("[scores.s{i}]\npoints = [{{ when = 'segment(\"a{}\")', points = 1 }}]\n", i - 1);
        }
        text += "[segments]\na0 = 'vip'\n";
        for i in 1..length {
            let score = format!("score(\"s{i}\")");
            text += &format!("a{i} = '{beyond} and {score} >= 1 or has(devices where {score} > 1)'\n");
        }
        text
    };
    let deep = format!("{}true{}", "not (".repeat(60), ")".repeat(60));
    for (length, beyond, is_fine) in
        [(20, "true", true), (200, "true", false), (6, &deep, false), (3, &deep, true)]
    {
        match Definitions::from_toml(&chain(length, beyond)) {
            Err(errors) => {
                assert!(!is_fine, "{errors:#}");
                assert!(errors.iter().any(|error| error.message().contains("256 deep")), "{errors:#}");
            }
            Ok(definitions) => {
                assert!(is_fine, "{length}");
                let mut partition = Partition::new(&definitions);
                let vip = Message::identify("ada").with("vip", true).at(start());
                assert_eq!(partition.ingest(&vip, start()).unwrap().changes.len(), length);
            }
        }
    }
    let nested = format!("{}os = 1{}", "has(devices where ".repeat(60), ")".repeat(60));
    let errors = Definitions::from_toml(&format!("version = 1\n[segments]\ns = '{nested}'")).unwrap_err();
    assert!(errors.iter().all(|error| error.message().contains("unknown attribute `devices`")), "{errors:#}");
    let text =
        format!("version = 1\n[attributes]\ndevices = [{{ os = 'number' }}]\n[segments]\ns = '{nested}'");
    let mut partition = Partition::new(&Definitions::from_toml(&text).unwrap());
    let one = Message::identify("ada").with("devices", vec![crate::object(&[("os", 1.into())])]).at(start());
    assert_eq!(partition.ingest(&one, start()).unwrap().changes.len(), 1);
}
