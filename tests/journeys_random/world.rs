//! Random journeys and what happens to their users, all of it from a seed.

use bespoke::definitions::Definitions;
use bespoke::model::{Duration, Instant, Message};
use fastrand::Rng;

/// A host's days.
#[derive(Debug)]
pub(crate) struct World {
    /// The text of the definitions.
    pub(crate) text: String,
    pub(crate) definitions: Definitions,
    pub(crate) rules: Rules,
    pub(crate) inputs: Vec<(Instant, Input)>,
}

/// What the definitions say, as far as the laws ask.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Channel, and from when to when, in minutes of the local day.
    pub(crate) quiet: Vec<(&'static str, u32, u32)>,
    pub(crate) caps: Vec<Cap>,
    pub(crate) journeys: Vec<Journey>,
}

#[derive(Debug)]
pub(crate) struct Cap {
    /// `global`, `channel:NAME` or `tag:NAME`.
    pub(crate) scope: &'static str,
    pub(crate) max: u32,
    pub(crate) per: Per,
    pub(crate) counts: &'static [&'static str],
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Per {
    Day,
    Week,
    Window(Duration),
}

#[derive(Debug)]
pub(crate) struct Journey {
    pub(crate) class: &'static str,
    /// How many instances of one key may run side by side.
    pub(crate) side_by_side: usize,
    pub(crate) is_promo: bool,
    /// They are called `s0`, `s1` and so on.
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Wait(&'static str),
    /// To a step, or behind the last one.
    Branch(&'static str, usize),
    Send {
        channel: &'static str,
        template: &'static str,
        expires: Option<&'static str>,
        is_promo: bool,
        /// What the gate makes of it besides.
        more: String,
    },
    /// Something that is done to the user, or asked of the host.
    Affect(&'static str),
    Goto(usize),
    /// Until a local time. It may be over at once.
    WaitUntil(&'static str),
    /// Any of some conditions, how long at most, and where it goes on if one is met; else on the next step.
    WaitFor {
        any: String,
        timeout: &'static str,
        then: usize,
    },
    /// Some go on to the next step, and the arm `b` to this one.
    Split(usize),
    /// The same by an experiment, in which some take no part: those go on to the next step.
    Experiment(usize),
}

#[derive(Debug)]
pub(crate) enum Input {
    Message(Message),
    Advance,
    /// The host takes what is in the outbox, and answers by chance: how comes from this seed and each action's id.
    Deliver(u64),
}

/// In the order in which `identify` gives them. Clocks change in each of them while the days of a world pass.
pub(crate) const USERS: [(&str, &str); 4] =
    [("ada", "Europe/Paris"), ("bob", "America/New_York"), ("cy", "Australia/Lord_Howe"), ("di", "UTC")];

const CHANNELS: [&str; 3] = ["push", "email", "sms"];

/// Everything but journeys, delivery and inputs.
const SHOP: &str = r#"version = 1
[settings]
dedup_window = "1d"
[attributes]
timezone = "string"
mail = "string"
tier = "string"
trip = "instant"
[consent]
marketing = { default = "granted" }
[channels]
email = { address = "mail" }
[events.add]
cart = "string"
[events.buy]
cart = "string"
[events.view]
sku = "string"
[segments]
curious = "count(view in 2h) >= 2"
silent = "not did(view in 5h)"
gold = "tier = 'gold'"
newcomer = "did(view in 1d) and tier is missing"
exposed = "did(experiment.exposed where arm = 'b' in 4h)"
waverer = { by = "sku", when = "count(view in 1d) >= 2 and not did(buy in 1d)" }
chatty = "did(message.sent in 3h)"
[experiments.test]
arms = { a = 1, b = 2 }
traffic = 80
[experiments.gold_test]
arms = { a = 1, b = 1 }
audience = "tier = 'gold'"
[templates.hello]
title = "Hello {{ user.tier | default('you') }}"
[templates.cart]
title = "Cart {{ event.cart | default('yours') }} of {{ key | default('you') }}"
"#;

impl World {
    /// A world of a seed, in which so many things happen over some days.
    pub(crate) fn new(seed: u64, inputs: usize) -> World {
        let rng = &mut Rng::with_seed(seed);
        let inputs: Vec<u32> = (0..inputs).map(|_| rng.u32(..)).collect();
        World::composed(seed, &inputs)
    }

    /// The same with a seed of its own for each thing that happens.
    pub(crate) fn composed(seed: u64, inputs: &[u32]) -> World {
        let rng = &mut Rng::with_seed(seed);
        let mut rules = Rules::default();
        let text = definitions(rng, &mut rules);
        let definitions =
            Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("seed {seed}: {errors:#}\n{text}"));
        World { text, definitions, rules, inputs: happenings(rng, inputs) }
    }
}

fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn definitions(rng: &mut Rng, rules: &mut Rules) -> String {
    let mut text = SHOP.to_owned() + "[delivery]\n";
    for channel in CHANNELS {
        if rng.bool() {
            let from = rng.u32(0..96) * 15;
            rules.quiet.push((channel, from, (from + rng.u32(1..48) * 15) % 1_440));
        }
    }
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let quiet = rules.quiet.iter().map(|(channel, from, to)| {
        format!("{channel} = {{ from = '{}', to = '{}' }}", clock(*from), clock(*to))
    });
    text += &format!("quiet = {{ {} }}\n", quiet.collect::<Vec<_>>().join(", "));
    text += one(rng, &["", "", "throttle = { push = { max = 2, per = '1h', burst = 1 } }\n"]);
    text += one(rng, &["", "", "", "dedup = '5h'\n"]);
    text += one(rng, &["", "send_time = { explore = 0.3, fallback = '19:30' }\n"]);
    for _ in 0..rng.usize(0..4) {
        let counts: &[&[&'static str]] = &[&["marketing"], &["marketing", "service"], &["service"]];
        let windows = [Duration::hours(6), Duration::hours(24)];
        let cap = Cap {
            scope: one(rng, &["global", "channel:push", "channel:email", "tag:promo"]),
            max: rng.u32(1..4),
            per: one(rng, &[Per::Day, Per::Week, Per::Window(windows[0]), Per::Window(windows[1])]),
            counts: one(rng, counts),
        };
        let per = match cap.per {
            Per::Day => "per = 'day'".to_owned(),
            Per::Week => "per = 'week'".to_owned(),
            Per::Window(window) => format!("window = '{window}'"),
        };
        text += &format!(
            "[[delivery.cap]]\nscope = '{}'\nmax = {}\n{per}\ncounts = {:?}\n",
            cap.scope, cap.max, cap.counts
        );
        rules.caps.push(cap);
    }
    for number in 0..rng.usize(2..5) {
        text += &journey(rng, number, rules);
    }
    text
}

fn journey(rng: &mut Rng, number: usize, rules: &mut Rules) -> String {
    let (enter, key) = match rng.u32(0..9) {
        8 => ("event = 'experiment.exposed'", one(rng, &["", ", key = 'arm'"])),
        0 => ("segment_entered = 'curious'", ""),
        1 => ("segment_left = 'silent'", ""),
        2 => ("segment_entered = 'waverer'", ""),
        3 => ("event = 'view', where = \"sku != 'sku-0'\"", ", key = 'sku'"),
        4 => ("event = 'message.sent'", ""),
        5 => ("cron = '30 18 * * *'", ""),
        6 => ("date = 'trip', offset = '-1d', at = '09:00'", ""),
        _ => ("event = 'add'", one(rng, &["", ", key = 'cart'", ", key = 'cart'"])),
    };
    let (side_by_side, reentry) = one(
        rng,
        &[
            (1, ""),
            (1, ", reentry = 'once'"),
            (1, ", reentry = { after = '3h' }"),
            (1, ", reentry = 'restart'"),
            (2, ", reentry = { parallel = 2 }"),
            (3, ", reentry = { parallel = 3 }"),
        ],
    );
    let class = one(rng, &["marketing", "marketing", "service", "transactional"]);
    let is_promo = rng.u32(0..3) == 0;
    let mut text = format!(
        "[journeys.j{number}]\nclass = '{class}'\npriority = {}\nenter = {{ {enter}{key}{reentry} }}\n",
        rng.u32(0..3)
    );
    if is_promo {
        text += "tags = ['promo']\n";
    }
    if rng.u32(0..4) == 0 {
        text += "audience = \"did(view in 1d)\"\n";
    }
    if rng.u32(0..3) == 0 {
        let others = ["{ event = 'buy' }", "{ segment_entered = 'gold' }", "{ segment_left = 'curious' }"];
        let exit = if key.contains("cart") { "{ event = 'buy', key = 'cart' }" } else { one(rng, &others) };
        text += &format!("exit = [{exit}]\n");
    }
    if rng.u32(0..4) == 0 {
        text +=
            one(rng, &["goal = { event = 'buy', within = '1d' }\n", "goal = { segment_entered = 'gold' }\n"]);
    }
    if rng.u32(0..5) == 0 {
        text += "expires = '30h'\n";
    }
    if rng.u32(0..4) == 0 {
        text += "holdout = 40\n";
    }
    let count = rng.usize(2..8);
    let mut steps: Vec<Step> = Vec::new();
    while steps.len() < count {
        let next = step(rng, &steps, count);
        steps.push(next);
    }
    let label = |to: usize| if to < count { format!("s{to}") } else { "end".to_owned() };
    for (i, step) in steps.iter().enumerate() {
        let step = match step {
            Step::Wait(duration) => format!("wait = '{duration}'"),
            Step::Branch(when, to) => format!("branch = [{{ when = \"{when}\", to = '{}' }}]", label(*to)),
            Step::Goto(to) => format!("goto = '{}'", label(*to)),
            Step::WaitUntil(rule) => format!("wait_until = {{ {rule} }}"),
            Step::WaitFor { any, timeout, then } => {
                format!("wait_for = {{ any = [{any}], timeout = '{timeout}', then = '{}' }}", label(*then))
            }
            Step::Split(to) => {
                let to = label(*to);
                format!("split = {{ salt = 'x{i}', arms = {{ a = 1, b = 2 }}, to = {{ b = '{to}' }} }}")
            }
            Step::Experiment(to) => {
                let name = if i % 2 == 0 { "test" } else { "gold_test" };
                format!("experiment = '{name}'\nto = {{ b = '{}' }}", label(*to))
            }
            Step::Affect(what) => (*what).to_owned(),
            Step::Send { channel, template, expires, is_promo, more } => {
                let expires = expires.map_or(String::new(), |expires| format!(", expires = '{expires}'"));
                let tags = if *is_promo { ", tags = ['promo']" } else { "" };
                format!("send = {{ channel = '{channel}', template = '{template}'{expires}{tags}{more} }}")
            }
        };
        text += &format!("[[journeys.j{number}.step]]\nid = 's{i}'\n{step}\n");
    }
    rules.journeys.push(Journey { class, side_by_side, is_promo, steps });
    text
}

/// The step behind some, of so many in all.
fn step(rng: &mut Rng, before: &[Step], count: usize) -> Step {
    let (waits, place) = (["20m", "1h", "3h", "9h", "1d"], before.len());
    // A loop needs a wait, so most journeys begin with one.
    if place == 0 {
        return match rng.u32(0..4) {
            0 => Step::Affect(one(rng, &["set = { tier = 'gold' }", "set = { tier = 'none' }"])),
            _ => Step::Wait(one(rng, &waits)),
        };
    }
    if place + 1 == count && rng.u32(0..5) == 0 && matches!(before[0], Step::Wait(_)) {
        return Step::Goto(0);
    }
    let later = rng.usize(place + 1..count + 1);
    match rng.u32(0..14) {
        13 => Step::Experiment(later),
        0 | 1 => Step::Wait(one(rng, &waits)),
        2 => {
            let conditions = ["tier = 'gold'", "did(view in 3h)", "count(view in 6h) >= 2"];
            Step::Branch(one(rng, &conditions), later)
        }
        3 => {
            let rules = [
                "at = '02:30'",
                "day = 'today', at = '18:00'",
                "day = 'tomorrow', at = '09:15'",
                "at = 'best', between = '09:00-21:30'",
                "day = 'today', at = 'best', between = '09:00-21:30'",
                "day = 'tomorrow', at = 'best', fallback = '12:00'",
            ];
            Step::WaitUntil(one(rng, &rules))
        }
        4 | 5 => {
            let sends = before.iter().enumerate().filter(|(_, step)| matches!(step, Step::Send { .. }));
            let sends: Vec<usize> = sends.map(|(place, _)| place).collect();
            let mut any =
                vec![one(rng, &["{ event = 'view' }", "{ event = 'buy' }", "{ segment_left = 'curious' }"])];
            any.extend(rng.bool().then_some("{ segment_entered = 'gold' }"));
            let mut any = any.join(", ");
            if !sends.is_empty() {
                let said = one(rng, &["opened", "clicked", "failed", "sent"]);
                any += &format!(", {{ {said} = 's{}' }}", one(rng, &sends));
            }
            Step::WaitFor { any, timeout: one(rng, &waits), then: later }
        }
        6 => Step::Split(later),
        7 => {
            let view = "emit = { event = 'view', properties = { sku = 'sku-1' } }";
            let call =
                "call = { channel = 'crm', properties = { reason = 'cart', who = '{{ user.tier }}' } }";
            let of_event = "set = { tier = '{{ event.cart | default(event.arm) }}' }";
            Step::Affect(one(
                rng,
                &["set = { tier = 'gold' }", "set = { tier = 'none' }", of_event, view, call],
            ))
        }
        _ => {
            let to = if later < count { format!("s{later}") } else { "end".to_owned() };
            let mut more = String::new();
            match rng.u32(0..5) {
                0 => more += &format!(", unreachable = '{to}'"),
                1 => more += &format!(", capped = '{to}'"),
                2 => more += ", capped = 'defer'",
                _ => {}
            }
            more += one(rng, &["", "", "", ", at = 'best', between = '08:30-22:10'"]);
            more += one(rng, &["", "", "", ", dedup = { key = 'k', window = '8h' }"]);
            Step::Send {
                channel: one(rng, &CHANNELS),
                template: one(rng, &["hello", "cart"]),
                expires: one(rng, &[None, Some("2h"), Some("12h")]),
                is_promo: rng.u32(0..3) == 0,
                more,
            }
        }
    }
}

fn happenings(rng: &mut Rng, seeds: &[u32]) -> Vec<(Instant, Input)> {
    // The night before clocks change in Europe and at Lord Howe's winter's end; in New York a week later.
    let starts =
        ["2026-10-24T20:00:00Z", "2026-03-28T20:00:00Z", "2026-10-31T20:00:00Z", "2026-10-03T10:00:00Z"];
    let mut now: Instant = one(rng, &starts).parse().expect("an instant");
    let mut inputs: Vec<(Instant, Input)> = USERS
        .iter()
        .map(|(user, zone)| {
            let known = Message::identify(*user).with("timezone", *zone).with("mail", "x");
            (
                now,
                Input::Message(if *user == "cy" {
                    Message::identify(*user).with("timezone", *zone)
                } else {
                    known
                }),
            )
        })
        .collect();
    for seed in seeds {
        let rng = &mut Rng::with_seed(u64::from(*seed));
        // Sometimes at the same instant. Never longer than what journeys catch up with.
        now = now + Duration::minutes([0, 0, 1, 7, 20, 60, 140, 290][rng.usize(..8)]);
        let input = match rng.u32(0..10) {
            0 | 1 => Input::Deliver(rng.u64(..)),
            2 => Input::Advance,
            _ => Input::Message(message(rng, now)),
        };
        inputs.push((now, input));
    }
    for _ in 0..12 {
        now = now + Duration::hours(5);
        inputs.push((now, Input::Deliver(rng.u64(..))));
    }
    inputs
}

fn message(rng: &mut Rng, now: Instant) -> Message {
    // Some are never heard of before, nor again.
    let stranger = format!("stranger-{}", rng.u32(..));
    let user = if rng.u32(0..12) == 0 { &stranger } else { USERS[rng.usize(..USERS.len())].0 };
    let cart = ["c1", "c2"][rng.usize(..2)];
    let message = match rng.u32(0..10) {
        0..3 => Message::track(user, "add").with("cart", cart),
        3 => Message::track(user, "buy").with("cart", cart),
        4 if rng.u32(0..3) == 0 => {
            let trip = now + Duration::hours(rng.i64(-20..100));
            Message::identify(user).with("trip", trip.to_string())
        }
        4 => Message::identify(user).with("tier", ["gold", "none"][rng.usize(..2)]),
        // Who comes to another zone has other nights from then on.
        5 if user == "di" => Message::identify(user).with("timezone", USERS[rng.usize(..4)].1),
        _ => Message::track(user, "view").with("sku", format!("sku-{}", rng.u32(0..3))),
    };
    let late = if rng.u32(0..6) == 0 { Duration::minutes(rng.i64(0..90)) } else { Duration::ZERO };
    message.at(now - late)
}
