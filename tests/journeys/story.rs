//! Stories, and how they are told.
//!
//! Each line of a story is an instant and what happens then. Instants are `10:00` on the 23rd of November 2026 in UTC,
//! `24T08:00` for another day, `03-29T01:30` for another month; each with seconds where there are some.
//!
//! ```text
//! 10:00 ada view sku=boot          an event; `@09:40` behind it is the instant that it has itself
//! 10:00 ada identify timezone=Europe/Paris
//! 10:00 ada agrees marketing       or `refuses`; a channel may stand behind the purpose
//! 10:00 item boot price=99         what the catalogue knows of an item from now on
//! 10:00 unlist boot                it is in the catalogue no more
//! 10:00 advance                    only time passes
//! 10:00 lease 10 10:30             the host gets at most 10 actions until then, and each is a line
//! 10:00 call login ada device=d1   the host asks for a journey
//! 10:05 opened push1               the host says that of the latest action of a step that it was given
//! ```

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::journey::{Action, Delivery};
use bespoke::model::{Consent, Duration, Instant, Message, Object, Value};

/// Runs a story as it is, and with a host that wakes up more often: both have to lead to the same, line by line.
#[track_caller]
pub(crate) fn check(definitions: &str, story: &str, expected: &str) {
    let definitions = read(definitions);
    let told = Story::new(&definitions).tell(story);
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    assert_eq!(lines(&told), lines(expected), "{story}");
    let mut awake = Story::new(&definitions);
    awake.wakes = Some(Duration::minutes(7));
    assert_eq!(awake.tell(story), told, "a host that wakes up more often: {story}");
}

#[track_caller]
pub(crate) fn read(text: &str) -> Definitions {
    Definitions::from_toml(&format!("version = 1\n{text}")).unwrap_or_else(|errors| panic!("{errors:#}"))
}

/// What is wrong with definitions, a line each.
pub(crate) fn errors(text: &str) -> Vec<String> {
    match Definitions::from_toml(&format!("version = 1\n{text}")) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

/// `10:00`, or `24T08:00`, or `03-29T08:00`, with seconds and milliseconds where there are some.
pub(crate) fn at(text: &str) -> Instant {
    let (day, time) = text.split_once('T').unwrap_or(("23", text));
    let (month, day) = day.split_once('-').unwrap_or(("11", day));
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2026-{month}-{day}T{time}{seconds}Z").parse().unwrap_or_else(|_| panic!("no instant: {text}"))
}

fn shown(at: Instant) -> String {
    let text = at.to_string();
    let Some(text) = text.strip_prefix("2026-").and_then(|text| text.strip_suffix('Z')) else { return text };
    let (date, time) = text.split_once('T').unwrap();
    let time = time.strip_suffix(":00").filter(|time| time.len() == 5).unwrap_or(time);
    match date.split_once('-').unwrap() {
        ("11", "23") => time.to_owned(),
        ("11", day) => format!("{day}T{time}"),
        _ => format!("{date}T{time}"),
    }
}

fn value(text: &str) -> Value {
    match text.parse::<f64>() {
        Ok(x) if text.contains('.') => Value::Float(x),
        Ok(x) => Value::Int(x as i64),
        Err(_) if matches!(text, "true" | "false") => Value::Bool(text == "true"),
        Err(_) => text.into(),
    }
}

/// A partition, and a host who tells it what happens.
pub(crate) struct Story {
    pub(crate) partition: Partition,
    /// How often the host wakes up besides.
    wakes: Option<Duration>,
    /// What the host was given.
    given: Vec<Action>,
    told: String,
}

impl Story {
    pub(crate) fn new(definitions: &Definitions) -> Story {
        Story { partition: Partition::new(definitions), wakes: None, given: Vec::new(), told: String::new() }
    }

    /// Gives what a story leads to, one line each.
    pub(crate) fn tell(&mut self, story: &str) -> String {
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let now = at(words[0]);
            if let Some(step) = self.wakes {
                while self.partition.clock() > Instant::MIN && self.partition.clock() + step < now {
                    let outcome = self.partition.advance(self.partition.clock() + step);
                    self.note(&outcome);
                }
            }
            match words[1..] {
                ["advance"] => {
                    let outcome = self.partition.advance(now);
                    self.note(&outcome);
                }
                ["lease", limit, until] => self.lease(limit.parse().unwrap(), at(until) - now, now),
                ["call", journey, who, ref more @ ..] => self.call(journey, who, more, now),
                [said, step] if delivery(said).is_some() => self.answer(said, step, now),
                [who, what, ref more @ ..] => self.message(who, what, more, now),
                _ => panic!("{line}"),
            }
        }
        std::mem::take(&mut self.told)
    }

    fn note(&mut self, outcome: &Outcome) {
        for note in &outcome.notes {
            let text = note.to_string();
            let text = match text.split_once("until ") {
                Some((before, until)) => format!("{before}until {}", shown(until.parse().unwrap())),
                None => text,
            };
            self.told += &format!("{} {} {text}\n", shown(note.at), note.user);
        }
    }

    fn lease(&mut self, limit: usize, lease: Duration, now: Instant) {
        let outcome = self.partition.advance(now);
        self.note(&outcome);
        for action in self.partition.outbox(limit, lease, now) {
            let Action { user, step, channel, attempt, .. } = &action;
            self.told += &format!("{} {channel} for {user} from {step}, attempt {attempt}\n", shown(now));
            self.given.retain(|known| known.id != action.id);
            self.given.push(action);
        }
    }

    fn answer(&mut self, said: &str, step: &str, now: Instant) {
        let action = self.given.iter().rev().find(|action| &*action.step == step);
        let id = action.unwrap_or_else(|| panic!("nothing was handed out of {step}")).id.clone();
        let answer = self.partition.acknowledge(&id, delivery(said).unwrap(), now);
        self.note(&answer.outcome);
    }

    fn call(&mut self, journey: &str, who: &str, more: &[&str], now: Instant) {
        let mut properties = Object::new();
        for (name, text) in more.iter().filter_map(|word| word.split_once('=')) {
            properties.set(name, value(text));
        }
        let outcome = self.partition.call(who, journey, &properties, now).unwrap();
        self.note(&outcome);
    }

    fn message(&mut self, who: &str, what: &str, more: &[&str], now: Instant) {
        let mut message = match what {
            item if who == "item" => Message::item(item),
            item if who == "unlist" => Message::remove_item(item),
            "identify" => Message::identify(who),
            "agrees" | "refuses" => {
                let purpose = more[0];
                let consent =
                    if what == "agrees" { Consent::granted(purpose) } else { Consent::denied(purpose) };
                let consent = more.get(1).map_or(consent.clone(), |channel| consent.channel(*channel));
                let outcome = self.partition.ingest(&Message::consent(who, consent), now).unwrap();
                return self.note(&outcome);
            }
            _ => Message::track(who, what),
        };
        for word in more {
            message = match word.split_once('=') {
                Some((name, text)) => message.with(name, value(text)),
                None => message.at(at(word.strip_prefix('@').unwrap())),
            };
        }
        let outcome = self.partition.ingest(&message, now).unwrap();
        self.note(&outcome);
    }
}

fn delivery(word: &str) -> Option<Delivery> {
    Some(match word {
        "sent" => Delivery::Sent,
        "delivered" => Delivery::Delivered,
        "opened" => Delivery::Opened,
        "clicked" => Delivery::Clicked,
        "failed" => Delivery::Failed,
        "unreachable" => Delivery::Unreachable,
        "suppressed" => Delivery::Suppressed,
        _ => return None,
    })
}
