use crate::journey::Class;
use crate::model::Duration;
use crate::predict::{SendTimes, SendTimesParams};
use crate::trigger::{LocalTime, QuietHours};
use std::collections::BTreeMap;

/// The policy of delivery for all journeys.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// When they are.
    pub hours: QuietHours,
    /// What happens to what falls into them.
    pub on: OnQuiet,
}

/// What happens to a message that falls into quiet hours.
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
