//! Scores beside ones that are worked out apart, at every message and around every flip.

use crate::{DAY, HOUR, at, partition, run, start};
use bespoke::definitions::Definitions;
use bespoke::model::Message;

/// What a user did, for scores that are worked out apart.
#[derive(Default)]
struct Known {
    views: Vec<(i64, &'static str)>,
    refunds: Vec<i64>,
    vip: bool,
}

impl Known {
    /// Points × 2^(−age ÷ half-life) over what is younger than 60 half-lives.
    fn faded(events: impl Iterator<Item = (i64, f64)>, half_life: i64, now: i64) -> f64 {
        let young = events.filter(|(at, _)| now - at < 60 * half_life);
        young.map(|(at, points)| points * 2_f64.powf(-(now - at) as f64 / half_life as f64)).sum()
    }

    fn engagement(&self, now: i64) -> f64 {
        let points = |category: &str| if category == "boots" { 3.0 } else { 1.0 };
        let views = self.views.iter().map(|(at, category)| (*at, points(category)));
        Known::faded(views, HOUR, now) + if self.vip { 2.0 } else { 0.0 }
    }

    fn trouble(&self, now: i64) -> f64 {
        Known::faded(self.refunds.iter().map(|at| (*at, -1.5)), 2 * HOUR, now)
            + if self.views.iter().any(|(at, _)| now - at < HOUR) { 1.0 } else { 0.0 }
    }

    fn balance(&self, now: i64) -> f64 {
        let young = |at: &&i64| now - **at < 5 * HOUR;
        let views = self.views.iter().map(|(at, _)| at).filter(young).count() as f64;
        views - 2.0 * self.refunds.iter().filter(young).count() as f64
    }

    fn total(&self) -> f64 {
        self.views.len() as f64 * 0.5 - self.refunds.len() as f64
    }

    /// Every segment of `SCORES`, in order.
    fn segments(&self, now: i64) -> [bool; 11] {
        let (engagement, trouble) = (self.engagement(now), self.trouble(now));
        [
            engagement >= 3.0,
            engagement * 2.0 + 1.0 < 5.0,
            10.0 - engagement > 7.0,
            (5.0 - engagement).abs() < 2.0,
            engagement.min(4.0) == 4.0,
            (2.0..=6.0).contains(&engagement),
            trouble <= -1.0,
            trouble > -0.25 && trouble < 0.75,
            self.balance(now) > 1.0,
            self.total() < 2.5,
            // Durations are whole milliseconds.
            (engagement * 3_600_000.0).round() > 9_000_000.0,
        ]
    }
}

const SCORES: &str = r#"
version = 1
[attributes]
vip = "bool"
[events.view]
category = "string"
[events.refund]
[scores.engagement]
half_life = "1h"
points = [
    { event = "view", where = 'category != "boots"', points = 1 },
    { event = "view", where = 'category = "boots"', points = 3 },
    { when = 'vip', points = 2 },
]
[scores.trouble]
half_life = "2h"
points = [{ when = 'segment("recent")', points = 1 }, { event = "refund", points = -1.5 }]
[scores.balance]
in = "5h"
points = [{ event = "view", points = 1 }, { event = "refund", points = -2 }]
[scores.total]
points = [{ event = "view", points = 0.5 }, { event = "refund", points = -1 }]
[segments]
engaged = 'score("engagement") >= 3'
small = 'score("engagement") * 2 + 1 < 5'
turned = '10 - score("engagement") > 7'
near = 'abs(5 - score("engagement")) < 2'
capped = 'min_of(score("engagement"), 4) = 4'
between = 'score("engagement") between 2 and 6'
troubled = 'score("trouble") <= -1'
calm = 'score("trouble") > -0.25 and 0.75 > score("trouble")'
balanced = 'score("balance") > 1'
poor = 'score("total") < 2.5'
long = '1h * score("engagement") > 2h30m'
recent = 'did(view in 1h)'
"#;

#[test]
fn scores_flip_at_the_millisecond_at_which_they_cross() {
    let names: Vec<String> =
        Definitions::from_toml(SCORES).unwrap().segment_names().map(Into::into).collect();
    let mut flips = 0;
    for seed in 0..20 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut partition = partition(SCORES);
        let mut known = Known::default();
        let mut now = 0;
        partition.ingest(&Message::identify("ada").with("vip", false).at(at(0)), at(0)).unwrap();
        for _ in 0..120 {
            now += match rng.u32(0..8) {
                0 => 0,
                1..=5 => rng.i64(0..HOUR),
                6 => rng.i64(0..6 * HOUR),
                _ => rng.i64(0..150 * HOUR),
            };
            // Alone, time changes what crosses between one millisecond and the next, and nothing else.
            for change in partition.advance(at(now)).changes {
                let millis = (change.at - start()).as_millis();
                let place = names.iter().position(|name| **name == *change.segment).unwrap();
                if place < 11 {
                    let (before, after) = (known.segments(millis - 1)[place], known.segments(millis)[place]);
                    assert_ne!(before, after, "seed {seed}: {change} at {millis}");
                    flips += 1;
                }
            }
            let late = if rng.u32(0..4) == 0 { rng.i64(0..3 * HOUR) } else { 0 };
            let message = match rng.u32(0..6) {
                0 => {
                    known.vip = rng.bool();
                    Message::identify("ada").with("vip", known.vip).at(at(now))
                }
                1 => {
                    known.refunds.push(now - late);
                    Message::track("ada", "refund").at(at(now - late))
                }
                _ => {
                    let category = if rng.bool() { "boots" } else { "hats" };
                    known.views.push((now - late, category));
                    Message::track("ada", "view").with("category", category).at(at(now - late))
                }
            };
            partition.ingest(&message, at(now)).unwrap();
            let expected = known.segments(now);
            for (name, expected) in names.iter().zip(expected) {
                assert_eq!(partition.is_member("ada", name), expected, "seed {seed} at {now}: {name}");
            }
        }
    }
    assert!(flips > 1_000, "{flips}");
}

#[test]
fn scores_end_are_the_users_and_keep_what_they_need() {
    const DEFINITIONS: &str = r#"
version = 1
[events.view]
sku = "string"
[events.open]
[scores.fast]
half_life = "1m"
points = [{ event = "open", points = 4 }]
[scores.unused]
points = [{ event = "view", points = 4 }]
[segments]
fast = 'score("fast") > 0'
is_there = 'score("fast") is present'
keyed = { by = "sku", when = 'did(view in 10m) and score("fast") >= 2' }
some_sku = 'some sku: (did(view in 10m) and score("fast") >= 2)'
"#;
    let view = |sku: &str| Message::track("ada", "view").with("sku", sku);
    let open = || Message::track("ada", "open");
    let messages = vec![(0, view("a")), (1, open()), (2, view("b")), (30_000, open())];
    // 4·2^(−t/m) + 4·2^(−(t−½)/m) = 2, with m a minute: t = 1 + log2(1 + √2) minutes, and the part of the first.
    let two = 60_000.0 * (1.0 + (2_f64.powf(1.0 / 60_000.0) + 2_f64.powf(0.5)).log2());
    let two = two.floor() as i64 + 1;
    let changes = run(DEFINITIONS, messages.clone(), DAY);
    let expected = [
        "+0 ada entered is_there".to_owned(),
        "+1 ada entered fast".into(),
        "+1 ada entered keyed (a)".into(),
        "+1 ada entered some_sku".into(),
        "+2 ada entered keyed (b)".into(),
        format!("+{two} ada left keyed (a)"),
        format!("+{two} ada left keyed (b)"),
        format!("+{two} ada left some_sku"),
        // Sixty half-lives behind the last.
        format!("+{} ada left fast", 30_000 + 60 * 60_000),
    ];
    assert_eq!(changes, expected);
    let mut partition = partition(DEFINITIONS);
    for (millis, message) in messages {
        partition.ingest(&message.at(at(millis)), at(millis)).unwrap();
    }
    // For a score that nobody asks for nothing is kept; views are, for ten minutes, of the segments.
    for n in 0..100 {
        partition.ingest(&view("c").at(at(DAY + n)), at(DAY + n)).unwrap();
    }
    let profile = partition.profile("ada").unwrap();
    assert!(profile.events.iter().all(|event| event.at >= at(DAY)), "{:?}", profile.events[0]);
}
