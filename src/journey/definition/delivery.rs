use crate::journey::Class;
use crate::model::Duration;
use crate::predict::{SendTimes, SendTimesParams};
use crate::trigger::{LocalTime, QuietHours};
use std::collections::BTreeMap;

/// The policy of delivery for all journeys.
///
/// ```
/// use bespoke::journey::Reason;
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.view]
/// #   sku = "string"
/// #   [templates.view]
/// #   title = "{{ event.sku }} is back"
///     [delivery]
///     quiet = { push = { from = "22:00", to = "08:00" } }
///     cap = [{ scope = "global", max = 2, per = "day" }]
///     dedup = "1d"
/// #   [journeys.view]
/// #   enter = { event = "view" }
/// #   step = [{ id = "tell", send = { channel = "push", template = "view" } }]
/// "#)?;
/// # let view = |clock: &str, sku: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     Ok(Message::track("ada", "view").with("sku", sku).at(format!("2026-11-23T{clock}:00Z").parse()?))
/// # };
/// // A push about whatever ada views: the boot twice, and on the same day three other things.
/// let views = [
///     view("10:00", "boot")?, view("11:00", "boot")?,
///     view("12:00", "hat")?, view("13:00", "sock")?, view("22:30", "glove")?,
/// ];
/// let simulation = simulate(&definitions, &views, "2026-11-24T00:00:00Z".parse()?);
/// // Of several rules that object the first gives the reason: of the glove quiet hours, although the cap is full.
/// let why = simulation.held_back().filter_map(|note| note.what.reason());
/// assert_eq!(why.collect::<Vec<_>>(), [Reason::SameContent, Reason::Cap, Reason::QuietHours]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeliveryPolicy {
    /// Quiet hours by channel, in the user's zone.
    pub quiet: BTreeMap<Box<str>, Quiet>,
    /// Caps, in order.
    pub caps: Vec<Cap>,
    /// How fast all users together may be sent something, by channel; shared out among the partitions of an engine.
    pub throttles: BTreeMap<Box<str>, Throttle>,
    /// How long the same content is not sent to one user again, where a send says nothing of that.
    pub dedup: Option<Duration>,
    /// How long after its first answer an action takes others, where it is not a week.
    pub answers: Option<Duration>,
    /// How the best hour to send is found.
    pub send_time: Option<SendTimePolicy>,
}

impl DeliveryPolicy {
    /// How long answers are remembered: so long a second one is known as such, an opened message is an event and goes on
    /// with what waits for it, and a bounce gives its slot back.
    pub(crate) fn answers_kept(&self) -> Duration {
        self.answers.unwrap_or(Duration::days(7))
    }

    /// The hours in which nothing goes by a channel; none where there are none, or they are passed.
    pub(crate) fn quiet_hours(&self, channel: &str) -> Option<QuietHours> {
        self.quiet.get(channel).filter(|quiet| quiet.on != OnQuiet::Bypass).map(|quiet| quiet.hours)
    }
}

/// The quiet hours of a channel.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [attributes]
/// #   timezone = "string"
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [delivery.quiet]
///     push = { from = "22:00", to = "08:00" }
/// #   [journeys.welcome]
/// #   enter = { event = "signup" }
/// #   step = [{ id = "hello", send = { channel = "push", template = "hello" } }]
/// "#)?;
/// # let at: Instant = "2026-11-23T10:00:00Z".parse()?;
/// // 10:00 in London is 23:00 of the same day in Auckland.
/// let messages = [("ada", "Europe/London"), ("kiri", "Pacific/Auckland")].map(|(user, zone)| {
///     [Message::identify(user).with("timezone", zone).at(at), Message::track(user, "signup").at(at)]
/// });
/// let simulation = simulate(&definitions, messages.as_flattened(), "2026-11-24T00:00:00Z".parse()?);
/// let sent = simulation.actions.iter().map(|action| format!("{} {}", action.user, action.at));
/// assert_eq!(sent.collect::<Vec<_>>(), ["ada 2026-11-23T10:00:00Z", "kiri 2026-11-23T19:00:00Z"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// When they are.
    pub hours: QuietHours,
    /// What happens to what falls into them.
    pub on: OnQuiet,
}

/// What happens to a message that falls into quiet hours.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [delivery.quiet]
/// #     push = { from = "22:00", to = "08:00", on = "ON" }
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     step = [{ id = "hello", send = { channel = "push", template = "hello" } }]
/// # "#;
/// # let signup = Message::track("ada", "signup").at("2026-11-23T23:00:00Z".parse()?);
/// # let told = |on: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("ON", on))?;
/// #     Ok(simulate(&definitions, [&signup], "2026-11-25T00:00:00Z".parse()?).notes[1].what.to_string())
/// # };
/// // Of a push that falls due at 23:00, with `push = { from = "22:00", to = "08:00", on = … }`.
/// assert_eq!(told("defer")?, "quiet hours, deferred until 2026-11-24T08:00:00Z");
/// assert_eq!(told("drop")?, "not sent: dropped in quiet hours");
/// assert_eq!(told("bypass")?, "sent by push");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnQuiet {
    /// It waits for their end (the default).
    #[default]
    Defer,
    /// It is not sent.
    Drop,
    /// It is sent all the same.
    Bypass,
}

/// At most so many actions to one user.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.view]
/// #   [templates.view]
/// #   title = "Still interested?"
///     [[delivery.cap]]
///     scope = "channel:push"
///     max = 1
///     window = "24h"
///     capped = "defer"
/// #   [journeys.view]
/// #   enter = { event = "view" }
/// #   step = [{ id = "tell", send = { channel = "push", template = "view" } }]
/// "#)?;
/// # let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
/// let views = [at("10:00")?, at("15:00")?].map(|at| Message::track("ada", "view").at(at));
/// let simulation = simulate(&definitions, &views, "2026-11-25T00:00:00Z".parse()?);
/// // The second push waits until the first one is 24 hours old, to the millisecond.
/// assert_eq!(simulation.actions[1].at.to_string(), "2026-11-24T10:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cap {
    /// What it counts.
    pub scope: CapScope,
    /// How many.
    pub max: u32,
    /// In which time.
    pub per: CapPeriod,
    /// The classes that it counts and limits.
    pub counts: Vec<Class>,
    /// What happens to what it leaves no room for.
    pub capped: Capped,
}

/// What a cap counts.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.view]
/// #     [templates.view]
/// #     title = "Still interested?"
/// #     [delivery]
/// #     cap = [{ scope = "SCOPE", max = 1, per = "day" }]
/// #     [journeys.view]
/// #     enter = { event = "view" }
/// #     step = [
/// #         { id = "push", send = { channel = "push", template = "view", tags = ["sale"] } },
/// #         { id = "again", send = { channel = "push", template = "view" } },
/// #         { id = "mail", send = { channel = "email", template = "view", tags = ["sale"] } },
/// #     ]
/// # "#;
/// # let view = Message::track("ada", "view").at("2026-11-23T10:00:00Z".parse()?);
/// # let sent = |scope: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("SCOPE", scope))?;
/// #     let actions = simulate(&definitions, [&view], "2026-11-24T00:00:00Z".parse()?).actions;
/// #     Ok(actions.iter().map(|action| action.step.to_string()).collect::<Vec<_>>())
/// # };
/// // What `cap = [{ scope = …, max = 1, per = "day" }]` lets out of two pushes, `push` and `again`, and a `mail`; the
/// // first and the last have the tag `sale`.
/// assert_eq!(sent("global")?, ["push"]);
/// assert_eq!(sent("channel:push")?, ["push", "mail"]);
/// assert_eq!(sent("tag:sale")?, ["push", "again"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapScope {
    /// Everything.
    Global,
    /// What goes by a channel.
    Channel(Box<str>),
    /// What has a tag.
    Tag(Box<str>),
}

/// The time that a cap counts in.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.view]
/// #     [templates.view]
/// #     title = "Still interested?"
/// #     [delivery]
/// #     cap = [{ scope = "global", max = 1, PERIOD }]
/// #     [journeys.view]
/// #     enter = { event = "view" }
/// #     step = [{ id = "tell", send = { channel = "push", template = "view" } }]
/// # "#;
/// # let at = |clock: &str| format!("2026-11-{clock}:00Z").parse::<Instant>();
/// # let views = [at("23T20:00")?, at("24T09:00")?, at("24T20:00")?].map(|at| Message::track("ada", "view").at(at));
/// # let sent = |period: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("PERIOD", period))?;
/// #     let actions = simulate(&definitions, &views, at("25T00:00")?).actions;
/// #     Ok(actions.iter().map(|action| action.at.to_string()[8..16].to_owned()).collect::<Vec<_>>())
/// # };
/// // Messages fall due on Monday at 20:00, and on Tuesday at 09:00 and 20:00; `max = 1` lets out:
/// assert_eq!(sent(r#"per = "day""#)?, ["23T20:00", "24T09:00"]);
/// assert_eq!(sent(r#"per = "week""#)?, ["23T20:00"]);
/// assert_eq!(sent(r#"window = "24h""#)?, ["23T20:00", "24T20:00"]); // the first is out of it at exactly 24 h
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPeriod {
    /// The local calendar day.
    Day,
    /// The local calendar week, from Monday.
    Week,
    /// A sliding window.
    Window(Duration),
}

/// What happens to a message that a cap leaves no room for.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.view]
/// #     [templates.view]
/// #     title = "Still interested?"
/// #     [delivery]
/// #     cap = [{ scope = "channel:push", max = 1, per = "day" }]
/// #     [journeys.view]
/// #     enter = { event = "view" }
/// #     step = [
/// #         { id = "push", send = { channel = "push", template = "view", unreachable = "mail", capped = "CAPPED" } },
/// #         { id = "done", goto = "end" },
/// #         { id = "mail", send = { channel = "email", template = "view" } },
/// #     ]
/// # "#;
/// # let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
/// # let views = [at("10:00")?, at("15:00")?].map(|at| Message::track("ada", "view").at(at));
/// # let told = |capped: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("CAPPED", capped))?;
/// #     let simulation = simulate(&definitions, &views, at("23:00")?);
/// #     Ok(simulation.held_back().map(|note| note.what.to_string()).collect::<Vec<_>>())
/// # };
/// // Of a second push on a day, with `send = { channel = "push", …, capped = … }`; the journey has a step `mail`.
/// assert_eq!(told("skip")?, ["not sent: cap"]);
/// assert_eq!(told("defer")?, ["cap, deferred until 2026-11-24T00:00:00Z"]);
/// assert_eq!(told("mail")?, ["not sent: cap, on to mail"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Capped {
    /// It is not sent, and the journey goes on (the default).
    #[default]
    Skip,
    /// It waits for the instant at which there is room.
    Defer,
    /// The journey goes on at a step. For sends only: caps know no steps.
    To(Box<str>),
}

/// A token bucket, refilled by the clock.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [delivery]
///     throttle = { email = { max = 60, per = "1m", burst = 2 } }
/// #   [journeys.welcome]
/// #   enter = { event = "signup" }
/// #   step = [{ id = "hello", send = { channel = "email", template = "hello" } }]
/// "#)?;
/// # let ten: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let signups = ["ada", "bob", "cy", "dee"].map(|user| Message::track(user, "signup").at(ten));
/// let simulation = simulate(&definitions, &signups, "2026-11-23T11:00:00Z".parse()?);
/// // Two go at once; then there is room for one each second.
/// let sent = simulation.actions.iter().map(|action| action.at.to_string()[14..19].to_owned());
/// assert_eq!(sent.collect::<Vec<_>>(), ["00:00", "00:00", "00:01", "00:02"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// So many messages.
    pub max: u32,
    /// In so long.
    pub per: Duration,
    /// How many may go at once.
    pub burst: u32,
}

/// How the best hour to send is found.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Duration, Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.open]
/// #   [events.offer]
/// #   [templates.offer]
/// #   title = "An offer"
///     [delivery]
///     send_time = { explore = 0.0, fallback = "19:00" }
///     [journeys.offer]
///     enter = { event = "offer" }
///     step = [{ id = "mail", send = { channel = "email", template = "offer", at = "best" } }]
/// "#)?;
/// # let seven: Instant = "2026-11-02T07:00:00Z".parse()?;
/// # let open = |day| Message::track("ada", "open").at(seven + Duration::days(day));
/// # let mut messages: Vec<Message> = (0..14).map(open).collect();
/// # let noon = seven + Duration::days(14) + Duration::hours(5);
/// # messages.extend(["ada", "bob"].map(|user| Message::track(user, "offer").at(noon)));
/// // For two weeks ada has come at seven in the morning; of bob nothing is known. Both get an offer at noon.
/// let simulation = simulate(&definitions, &messages, seven + Duration::days(16));
/// let sent = simulation.actions.iter().map(|action| format!("{} {}", action.user, action.at));
/// assert_eq!(sent.collect::<Vec<_>>(), ["bob 2026-11-16T19:00:00Z", "ada 2026-11-17T07:00:00Z"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SendTimePolicy {
    /// The share of sends whose hour is random, from 0 to 1.
    pub explore: f64,
    /// In which time evidence loses half its weight.
    pub half_life: Duration,
    /// The segments whose members lend one another evidence; the first that a user is in counts.
    pub segments: Vec<Box<str>>,
    /// The local time where there is no evidence at all.
    pub fallback: Option<LocalTime>,
}

impl SendTimePolicy {
    /// As the model takes it.
    pub(crate) fn params(&self) -> SendTimesParams {
        let params = SendTimes::params().explore(self.explore).half_life(self.half_life);
        params.groups(self.segments.len())
    }
}

impl Default for SendTimePolicy {
    /// 5 % at random, evidence halves in 45 days.
    fn default() -> SendTimePolicy {
        SendTimePolicy { explore: 0.05, half_life: Duration::days(45), segments: Vec::new(), fallback: None }
    }
}
