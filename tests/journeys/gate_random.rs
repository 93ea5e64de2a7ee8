//! Whatever the policy and whatever happens: nobody gets more than a cap allows, nothing goes out in quiet hours, no
//! channel takes more than its throttle lets through, and every send that is due ends as an action, a ghost or a reason.

use crate::steps::SHOP;
use crate::story::read;
use bespoke::engine::{Outcome, Partition};
use bespoke::journey::{Action, Delivery, Note, What};
use bespoke::model::{Duration, Instant, Message, Period, Zone};
use bespoke::trigger::QuietHours;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};

const USERS: [(&str, &str); 4] =
    [("ada", "UTC"), ("bob", "Europe/Paris"), ("eve", "America/New_York"), ("zoe", "Asia/Beirut")];
/// Clocks change on the 29th of March, in Paris and in Beirut.
const START: &str = "2026-03-26T00:00:00Z";

/// A policy, as text and as what it means.
struct Policy {
    text: String,
    caps: Vec<Cap>,
    quiet: BTreeMap<&'static str, QuietHours>,
    /// How many in how long, and how many at once.
    throttles: BTreeMap<&'static str, (u32, Duration, u32)>,
}

struct Cap {
    scope: &'static str,
    max: usize,
    window: Option<Duration>,
    per: Option<Period>,
}

fn policy(rng: &mut Rng) -> Policy {
    let mut policy =
        Policy { text: String::new(), caps: Vec::new(), quiet: BTreeMap::new(), throttles: BTreeMap::new() };
    let mut quiet = Vec::new();
    let mut throttle = Vec::new();
    for channel in ["push", "email"] {
        if rng.u32(0..3) > 0 {
            let (from, to) = (format!("{:02}:30", rng.u32(19..24)), format!("{:02}:15", rng.u32(1..10)));
            let on = ["defer", "drop"][rng.usize(..2)];
            quiet.push(format!("{channel} = {{ from = '{from}', to = '{to}', on = '{on}' }}"));
            let hours = QuietHours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
            policy.quiet.insert(channel, hours);
        }
        if rng.u32(0..3) == 0 {
            let (max, minutes, burst) = (rng.u32(1..4), rng.i64(5..90), rng.u32(1..4));
            throttle.push(format!("{channel} = {{ max = {max}, per = '{minutes}m', burst = {burst} }}"));
            policy.throttles.insert(channel, (max, Duration::minutes(minutes), burst));
        }
    }
    policy.text += &format!(
        "[delivery]\nquiet = {{ {} }}\nthrottle = {{ {} }}\n",
        quiet.join(", "),
        throttle.join(", ")
    );
    if rng.bool() {
        policy.text += "send_time = { explore = 0.5, fallback = '12:20' }\n";
    }
    for _ in 0..rng.usize(0..4) {
        let scope = ["global", "channel:push", "channel:email", "tag:deal"][rng.usize(..4)];
        let max = rng.usize(1..4);
        let capped = ["skip", "defer"][rng.usize(..2)];
        let (per, text, window) = match rng.u32(0..4) {
            0 => (Some(Period::Day), "per = 'day'".to_owned(), None),
            1 => (Some(Period::Week), "per = 'week'".to_owned(), None),
            _ => {
                let hours = rng.i64(1..60);
                (None, format!("window = '{hours}h'"), Some(Duration::hours(hours)))
            }
        };
        policy.text +=
            &format!("[[delivery.cap]]\nscope = '{scope}'\nmax = {max}\n{text}\ncapped = '{capped}'\n");
        policy.caps.push(Cap { scope, max, window, per });
    }
    policy
}

fn journeys(rng: &mut Rng) -> String {
    let mut text = String::new();
    for name in ["a", "b", "c", "d"] {
        let class = ["marketing", "service"][rng.usize(..2)];
        let event = ["add", "view"][rng.usize(..2)];
        let send = |rng: &mut Rng, id: &str| {
            let channel = ["push", "email"][rng.usize(..2)];
            let mut more = String::new();
            if rng.bool() {
                more += &format!(", expires = '{}m'", rng.u32(30..2_000));
            }
            if rng.u32(0..3) == 0 {
                more += ", at = 'best', between = '09:30-21:10'";
            }
            if rng.bool() {
                more += [", capped = 'defer'", ", capped = 'skip'", ", capped = 'last'", ", tags = ['deal']"]
                    [rng.usize(..4)];
            }
            if rng.u32(0..4) == 0 {
                more += [", dedup = '6h'", ", dedup = { key = 'k', window = '2d' }"][rng.usize(..2)];
            }
            format!("{{ id = '{id}', send = {{ channel = '{channel}', template = 't'{more} }} }}")
        };
        let (one, two) = (send(rng, "one"), send(rng, "two"));
        let (priority, holdout, minutes) = (rng.u32(0..3), rng.u32(0..30), rng.u32(1..300));
        text += &format!(
            "[journeys.{name}]\nclass = '{class}'\npriority = {priority}\nholdout = {holdout}\nlate = {{ catch_up = '90d' }}
            enter = {{ event = '{event}' }}\nexit = [{{ event = 'buy' }}]
            step = [{one}, {{ id = 'wait', wait = '{minutes}m' }}, {two}, {{ id = 'last', wait = '1m' }}]\n"
        );
    }
    text
}

/// What happened, and what the host did.
#[derive(Default)]
struct Seen {
    notes: Vec<Note>,
    given: Vec<(Instant, Action)>,
}

fn run(partition: &mut Partition, rng: &mut Rng, policy: &Policy, wakes: bool) -> Seen {
    let mut seen = Seen::default();
    let mut now: Instant = START.parse().unwrap();
    for (user, zone) in USERS {
        partition.ingest(&Message::identify(user).with("timezone", zone), now).unwrap();
    }
    let take = |seen: &mut Seen, outcome: Outcome| seen.notes.extend(outcome.notes);
    for _ in 0..140 {
        let next = now + Duration::from_millis(rng.i64(0..8 * 3_600_000));
        while wakes && now < next {
            now = (now + Duration::minutes(50)).min(next);
            take(&mut seen, partition.advance(now));
        }
        now = next;
        let user = USERS[rng.usize(..USERS.len())].0;
        match rng.u32(0..10) {
            0 => take(&mut seen, partition.ingest(&Message::track(user, "buy"), now).unwrap()),
            1..4 => deliver(partition, now, rng, policy, &mut seen),
            _ => {
                let event = ["add", "view"][rng.usize(..2)];
                take(&mut seen, partition.ingest(&Message::track(user, event), now).unwrap());
            }
        }
    }
    // What waits for a morning or a slot has time to come, and the host takes it.
    for _ in 0..40 {
        now = now + Duration::hours(11);
        take(&mut seen, partition.advance(now));
        deliver(partition, now, rng, policy, &mut seen);
    }
    seen
}

fn deliver(partition: &mut Partition, now: Instant, rng: &mut Rng, policy: &Policy, seen: &mut Seen) {
    seen.notes.extend(partition.advance(now).notes);
    for action in partition.outbox(rng.usize(1..9), Duration::minutes(30), now) {
        let (_, zone) = USERS.iter().find(|(user, _)| *user == &*action.user).unwrap();
        let zone = Zone::named(zone).unwrap();
        let hours = policy.quiet.get(&*action.channel);
        assert!(hours.is_none_or(|hours| hours.ends(now, &zone).is_none()), "{action:?} at {now}");
        partition.acknowledge(&action.id, Delivery::Sent, now);
        seen.given.push((now, action));
    }
}

#[test]
fn no_policy_is_broken_whatever_happens() {
    let mut words: BTreeSet<String> = BTreeSet::new();
    for seed in 0..16 {
        let mut rng = Rng::with_seed(seed);
        let policy = policy(&mut rng);
        let text = journeys(&mut rng);
        let definitions = read(&format!("{SHOP}{}{text}", policy.text));
        let mut partition = Partition::new(&definitions);
        let input_seed = rng.u64(..);
        let seen = run(&mut partition, &mut Rng::with_seed(input_seed), &policy, false);
        let context = format!("seed {seed}\n{}{text}", policy.text);
        check_caps(&seen, &policy, &text, &context);
        check_quiet(&seen, &policy, &context);
        check_throttles(&seen, &policy, &context);
        check_ends(&seen, &context);

        // A host that wakes up more often sees the same.
        let mut awake = Partition::new(&definitions);
        let again = run(&mut awake, &mut Rng::with_seed(input_seed), &policy, true);
        let told = |seen: &Seen| {
            seen.notes.iter().map(|note| format!("{} {} {note}", note.at, note.user)).collect::<Vec<_>>()
        };
        assert_eq!(told(&seen), told(&again), "{context}");
        words.extend(seen.notes.iter().map(|note| match &note.what {
            What::Deferred { reason, .. } => format!("deferred: {reason}"),
            what => what.to_string(),
        }));
    }
    // All of it happens.
    for word in [
        "deferred: quiet hours",
        "deferred: cap",
        "deferred: throttle",
        "deferred: best time",
        "not sent: cap",
        "not sent: cap, on to last",
        "not sent: dropped in quiet hours",
        "not sent: expires in quiet hours",
        "not sent: expired in the outbox",
        "not sent: sent already",
        "not sent: left before",
        "held out, not sent by push",
    ] {
        assert!(words.contains(word), "{word}: {words:?}");
    }
}

/// What was sent, with the channel: of all that was put into the outbox what the host delivered.
fn delivered(seen: &Seen) -> Vec<&Action> {
    seen.given.iter().map(|(_, action)| action).collect()
}

fn check_caps(seen: &Seen, policy: &Policy, journeys: &str, context: &str) {
    for (user, zone) in USERS {
        let zone = Zone::named(zone).unwrap();
        let sent: Vec<&Action> = delivered(seen).into_iter().filter(|action| &*action.user == user).collect();
        for cap in &policy.caps {
            let counts = |action: &&&Action| match cap.scope.split_once(':') {
                None => true,
                Some(("channel", channel)) => &*action.channel == channel,
                _ => has_tag(journeys, action),
            };
            let counted: Vec<Instant> = sent.iter().filter(counts).map(|action| action.at).collect();
            for at in &counted {
                let since = match (cap.window, cap.per) {
                    (Some(window), _) => *at - window + Duration::from_millis(1),
                    (_, Some(period)) => zone.period_start(period, *at, 0),
                    _ => unreachable!("a cap has a time"),
                };
                let within = counted.iter().filter(|other| since <= **other && *other <= at).count();
                assert!(within <= cap.max, "{user} {} {at}: {within}\n{context}", cap.scope);
            }
        }
    }
}

/// Whether the send of an action has the tag, as its text says.
fn has_tag(journeys: &str, action: &Action) -> bool {
    let journey = journeys.split("[journeys.").find(|text| text.starts_with(&format!("{}]", action.journey)));
    let step = journey.unwrap().split(&format!("id = '{}'", action.step)).nth(1).unwrap();
    step.split("id = '").next().unwrap().contains("tags = ['deal']")
}

fn check_quiet(seen: &Seen, policy: &Policy, context: &str) {
    for note in &seen.notes {
        let What::Sent { channel } = &note.what else { continue };
        let (_, zone) = USERS.iter().find(|(user, _)| *user == &*note.user).unwrap();
        let hours = policy.quiet.get(&**channel);
        let is_quiet = hours.is_some_and(|hours| hours.ends(note.at, &Zone::named(zone).unwrap()).is_some());
        assert!(!is_quiet, "{note} at {}\n{context}", note.at);
    }
}

fn check_throttles(seen: &Seen, policy: &Policy, context: &str) {
    for (channel, (max, per, burst)) in &policy.throttles {
        let sent: Vec<i64> = seen
            .notes
            .iter()
            .filter(|note| matches!(&note.what, What::Sent { channel: by } if &**by == *channel))
            .map(|note| note.at.as_millis())
            .collect();
        for (first, from) in sent.iter().enumerate() {
            for (last, to) in sent.iter().enumerate().skip(first) {
                let allowed = i64::from(*burst) * per.as_millis() + (to - from + 1) * i64::from(*max);
                let count = (last - first + 1) as i64;
                assert!(
                    count * per.as_millis() <= allowed,
                    "{count} by {channel} from {from} to {to}\n{context}"
                );
            }
        }
    }
}

/// Each send that was due, once; each deferral ends; each action is delivered or taken back.
fn check_ends(seen: &Seen, context: &str) {
    let mut open: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut deferred: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    let (mut sent, mut withdrawn) = (0, 0);
    for note in &seen.notes {
        let (user, journey) = (&*note.user, &*note.journey);
        let step = note.step.as_deref().unwrap_or_default();
        let place = (user, journey, step);
        match &note.what {
            What::Entered => {
                assert!(open.insert((user, journey), BTreeSet::new()).is_none(), "{note}\n{context}");
            }
            What::Deferred { until, .. } => {
                assert!(*until > note.at, "{note}\n{context}");
                deferred.insert(place);
            }
            What::Sent { .. } | What::Skipped { .. } | What::Ghost { .. } | What::FellBack { .. } => {
                deferred.remove(&place);
                sent += usize::from(matches!(note.what, What::Sent { .. }));
                let done = open.get_mut(&(user, journey)).unwrap();
                assert!(done.insert(step), "{note} twice\n{context}");
                if let What::FellBack { .. } = note.what {
                    // It goes on behind both sends.
                    done.extend(["one", "two"]);
                }
            }
            What::Completed => {
                let done = open.remove(&(user, journey)).unwrap();
                assert_eq!(done.len(), 2, "{note}: {done:?}\n{context}");
            }
            What::Exited { .. } => {
                open.remove(&(user, journey));
                deferred.retain(|(of, from, _)| (*of, *from) != (user, journey));
            }
            What::Withdrawn { .. } => withdrawn += 1,
            _ => {}
        }
    }
    assert!(deferred.is_empty() && open.is_empty(), "{deferred:?} {open:?}\n{context}");
    assert_eq!(sent, seen.given.len() + withdrawn, "{context}");
}
