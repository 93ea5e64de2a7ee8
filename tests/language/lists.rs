//! Random users with devices, versions and stages, beside what should hold of them.

use crate::{DAY, HOUR, at, object, partition, start};
use bespoke::definitions::Definitions;
use bespoke::model::Message;

/// A device of a random user: system, version, last seen.
type Device = (Option<&'static str>, &'static str, i64);

#[test]
fn lists_versions_and_the_lifecycle_hold_when_they_should() {
    const DEFINITIONS: &str = r#"
version = 1
[attributes]
platform = "string"
devices = [{ os = "string", version = "string", last_seen = "instant" }]
[events.open]
[scores.use]
half_life = "3h"
points = [{ event = "open", points = 1 }]
[lifecycle]
order = ["lost", "fresh", "strong", "weak"]
[segments]
lost = 'not has(devices where now - last_seen <= 2d)'
fresh = 'has(devices where os = user.platform and (now - last_seen < 6h or version(version) > "4.9.9"))'
strong = 'score("use") >= 1.25'
weak = 'did(open in 1d)'
is_lost = 'lifecycle = "lost"'
is_strong = '"strong" = lifecycle'
others = 'lifecycle not in ["lost", "strong"]'
none = 'lifecycle is missing'
nameless = 'has(devices where os is missing and last_seen < now - 1d and local_hour >= 12)'
"#;
    fn segments(devices: &[Device], platform: &str, opens: &[i64], now: i64) -> [bool; 9] {
        // Versions are 4.8, 4.9.9-x, 4.9.10, 5 and words.
        let newer = |version: &str| ["4.9.10", "5"].contains(&version);
        let lost = !devices.iter().any(|(_, _, seen)| now - seen <= 2 * DAY);
        let is_fresh =
            |(os, version, seen): &Device| *os == Some(platform) && (now - seen < 6 * HOUR || newer(version));
        let fresh = devices.iter().any(is_fresh);
        let half_life = 3 * HOUR;
        let opens = || opens.iter().map(|at| now - at);
        let worth = opens().filter(|age| *age < 60 * half_life);
        let score: f64 = worth.map(|age| 2_f64.powf(-age as f64 / half_life as f64)).sum();
        let (strong, weak) = (score >= 1.25, opens().any(|age| age < DAY));
        let stage = [lost, fresh, strong, weak].iter().position(|holds| *holds);
        // The clock begins at ten.
        let hour = (now / HOUR + 10).rem_euclid(24);
        let nameless = devices.iter().any(|(os, _, seen)| os.is_none() && now - seen > DAY && hour >= 12);
        [
            lost,
            fresh,
            strong,
            weak,
            stage == Some(0),
            stage == Some(2),
            stage != Some(0) && stage != Some(2),
            stage.is_none(),
            nameless,
        ]
    }
    let names: Vec<String> =
        Definitions::from_toml(DEFINITIONS).unwrap().segment_names().map(Into::into).collect();
    let mut flips = vec![0; names.len()];
    for seed in 0..30 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut partition = partition(DEFINITIONS);
        let (mut devices, mut platform, mut opens): (Vec<Device>, _, _) = (Vec::new(), "ios", Vec::new());
        let mut now = 0;
        partition.ingest(&Message::identify("ada").with("platform", platform).at(at(0)), at(0)).unwrap();
        for _ in 0..100 {
            now += if rng.u32(0..3) > 0 { rng.i64(0..3 * HOUR) } else { rng.i64(0..3 * DAY) };
            for change in partition.advance(at(now)).changes {
                let millis = (change.at - start()).as_millis();
                let place = names.iter().position(|name| **name == *change.segment).unwrap();
                let then = |millis| segments(&devices, platform, &opens, millis)[place];
                assert_ne!(then(millis - 1), then(millis), "seed {seed}: {change} at {millis}");
                flips[place] += 1;
            }
            let message = match rng.u32(0..4) {
                0 => {
                    platform = *rng.choice(&["ios", "android"]).unwrap();
                    Message::identify("ada").with("platform", platform)
                }
                1 => {
                    devices.clear();
                    for _ in 0..rng.usize(0..4) {
                        let os = *rng.choice(&[Some("ios"), Some("android"), None]).unwrap();
                        let version = *rng.choice(&["4.8", "4.9.9-x", "4.9.10", "5", "new"]).unwrap();
                        devices.push((os, version, now - rng.i64(-DAY..3 * DAY)));
                    }
                    let list = devices.iter().map(|(os, version, seen)| {
                        object(&[
                            ("os", (*os).into()),
                            ("version", (*version).into()),
                            ("last_seen", at(*seen).to_string().into()),
                        ])
                    });
                    Message::identify("ada").with("devices", list.collect::<Vec<_>>())
                }
                _ => {
                    opens.push(now);
                    Message::track("ada", "open")
                }
            };
            partition.ingest(&message.at(at(now)), at(now)).unwrap();
            for (name, expected) in names.iter().zip(segments(&devices, platform, &opens, now)) {
                assert_eq!(partition.is_member("ada", name), expected, "seed {seed} at {now}: {name}");
            }
        }
    }
    assert!(flips.iter().all(|count| *count > 10), "{flips:?}");
}
