use crate::journey::{Capped, Delivery, Trigger};
use crate::model::{Duration, Value};
use crate::trigger::LocalTime;
use std::collections::BTreeMap;

/// One step.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "patience", wait = "1h" },
///         { id = "hello", send = { channel = "push", template = "hello" } },
///     ]
/// "#)?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let mut partition = Partition::new(&definitions);
/// partition.ingest(&Message::track("ada", "signup"), now)?;
/// // Whatever speaks of a step, other steps, notes and counts, does so by its id.
/// assert_eq!(partition.users_on_steps("welcome")?["patience"], 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its label.
    pub id: Box<str>,
    /// What it does.
    pub action: StepAction,
}

/// What a step does.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [attributes]
/// #   stage = "string"
/// #   [events.signup]
/// #   [events.welcomed]
/// #   [templates.hello]
/// #   title = "Hello"
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "mark", set = { stage = "new" } },
///         { id = "hello", send = { channel = "push", template = "hello" } },
///         { id = "tell", emit = { event = "welcomed" } },
///     ]
/// "#)?;
/// let signup = Message::track("ada", "signup").at("2026-11-23T10:00:00Z".parse()?);
/// let simulation = simulate(&definitions, [&signup], "2026-11-24T00:00:00Z".parse()?);
/// let did: Vec<String> = simulation.notes.iter().map(|note| note.what.to_string()).collect();
/// assert_eq!(did, ["entered", "set stage", "sent by push", "emitted welcomed", "completed"]); // all at one instant
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// Waits so long.
    Wait(Duration),
    /// Waits until a local time.
    WaitUntil(LocalWait),
    /// Waits for something to happen.
    WaitFor(WaitFor),
    /// Goes to the step of the first condition that holds, or on to the next step.
    Branch(Vec<Branch>),
    /// Goes one of several ways, the same user always the same.
    Split(Split),
    /// Goes the way of the arm of an experiment in which the user is, and records that the user saw it.
    Experiment(ExperimentStep),
    /// Puts an action into the outbox, if the delivery gate lets it.
    Send(Send),
    /// Sets attributes of the user, in order.
    Set(Vec<(Box<str>, Value)>),
    /// Records an event of the user.
    Emit(Emit),
    /// Puts an action into the outbox that is no message: neither caps nor quiet hours hold.
    Call(Call),
    /// Goes to a step, or to `end`.
    Goto(Box<str>),
}

/// One arm of a branch.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [attributes]
/// #   orders = "number"
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "who", branch = [{ when = "orders > 9", to = "push" }, { when = "orders > 0", to = "end" }] },
///         { id = "mail", send = { channel = "email", template = "hello" } },
///         { id = "push", send = { channel = "push", template = "hello" } },
///     ]
/// "#)?;
/// # let at: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let messages = [("ada", 12), ("bob", 3), ("cy", 0)].map(|(user, orders)| {
/// #     [Message::identify(user).with("orders", orders).at(at), Message::track(user, "signup").at(at)]
/// # });
/// // Ada has 12 orders, so that both conditions hold; bob has 3, and cy none. Behind `mail` comes `push`, where no
/// // `goto` is between them.
/// let simulation = simulate(&definitions, messages.as_flattened(), at);
/// let sent = simulation.actions.iter().map(|action| format!("{} {}", action.user, action.step));
/// assert_eq!(sent.collect::<Vec<_>>(), ["ada push", "cy mail", "cy push"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// An expression.
    pub when: Box<str>,
    /// A step's label, or `end`.
    pub to: Box<str>,
}

/// A local time to wait for, in the user's zone.
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
///     [[journeys.welcome.step]]
///     id = "evening"
///     wait_until = { day = "tomorrow", at = "19:00" }
/// #   [[journeys.welcome.step]]
/// #   id = "hello"
/// #   send = { channel = "push", template = "hello" }
/// #   [journeys.welcome]
/// #   enter = { event = "signup" }
/// "#)?;
/// # let monday: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let tuesday: Instant = "2026-11-24T12:00:00Z".parse()?;
/// # let messages = [
/// #     Message::identify("ada").with("timezone", "Europe/Paris").at(monday),
/// #     Message::track("ada", "signup").at(monday),
/// #     Message::identify("ada").with("timezone", "America/New_York").at(tuesday),
/// # ];
/// // Ada signs up on Monday in Paris. Her zone is that of New York from Tuesday noon on.
/// let simulation = simulate(&definitions, &messages, "2026-11-26T00:00:00Z".parse()?);
/// assert_eq!(simulation.actions[0].at.to_string(), "2026-11-25T00:00:00Z"); // 19:00 on Tuesday over there
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LocalWait {
    /// Of which day; none for the next day that has the time still before it.
    pub day: Option<DayRule>,
    /// At which time of it.
    pub at: LocalAt,
    /// Only from the first time on, and before the second.
    pub between: Option<(LocalTime, LocalTime)>,
    /// The time where there is no evidence for a best one.
    pub fallback: Option<LocalTime>,
}

/// A day, seen from the one at which a wait begins.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     step = [
/// #         { id = "patience", wait = "1d" },
/// #         { id = "nine", wait_until = { day = "DAY", at = "09:00" } },
/// #         { id = "hello", send = { channel = "push", template = "hello" } },
/// #     ]
/// # "#;
/// # let signup = Message::track("ada", "signup").at("2026-11-22T10:00:00Z".parse()?);
/// # let over = |day: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("DAY", day))?;
/// #     Ok(simulate(&definitions, [&signup], "2026-12-02T00:00:00Z".parse()?).actions[0].at.to_string())
/// # };
/// // When `wait_until = { day = …, at = "09:00" }` is over, that begins at 10:00 on Monday 23, a day after the entry.
/// assert_eq!(over("tomorrow")?, "2026-11-24T09:00:00Z");
/// assert_eq!(over("wednesday")?, "2026-11-25T09:00:00Z"); // `DayRule::Weekday(2)`
/// assert_eq!(over("monday")?, "2026-11-30T09:00:00Z");
/// assert_eq!(over("today")?, "2026-11-23T10:00:00Z"); // nine o'clock has passed: at once
/// assert_eq!(over("entry")?, "2026-11-23T10:00:00Z"); // and that of Sunday too
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayRule {
    /// That day; if the time has passed the wait is over at once.
    Today,
    /// The day after it.
    Tomorrow,
    /// The day of the entry.
    Entry,
    /// The next day of the week of this number, 0 for Monday: that day itself where the time is still before it.
    Weekday(u8),
}

/// A time of day.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Duration, Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.open]
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [delivery]
///     send_time = { explore = 0.0 }
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "evening", wait_until = { at = "best", between = "17:00-21:30", fallback = "21:00" } },
///         { id = "hello", send = { channel = "push", template = "hello" } },
///     ]
/// "#)?;
/// # let first: Instant = "2026-11-02T17:00:00Z".parse()?;
/// # let noon: Instant = "2026-11-16T12:00:00Z".parse()?;
/// # let open = |day| Message::track("ada", "open").at(first + Duration::days(day));
/// # let mut messages: Vec<Message> = (0..14).map(open).collect();
/// # messages.extend(["ada", "bob"].map(|user| Message::track(user, "signup").at(noon)));
/// // Ada has come at five for two weeks; of bob nothing is known. Both sign up at noon.
/// let simulation = simulate(&definitions, &messages, noon + Duration::days(1));
/// let sent = simulation.actions.iter().map(|action| format!("{} {}", action.user, action.at));
/// assert_eq!(sent.collect::<Vec<_>>(), ["ada 2026-11-16T17:00:00Z", "bob 2026-11-16T21:00:00Z"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalAt {
    /// This one.
    Time(LocalTime),
    /// The hour at which the user answers best: of its day, where one is named, else of the next 24 hours. Where no hour
    /// of its day is left the wait is over at once. Who comes round again has had that day's.
    Best,
}

/// What a wait waits for.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.signup]
/// #     [events.photo]
/// #     [events.friend]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     [[journeys.welcome.step]]
/// #     id = "start"
/// #     wait_for = { LIST = [{ event = "photo" }, { event = "friend" }], timeout = "4h", then = "end", else = "mail" }
/// #     [[journeys.welcome.step]]
/// #     id = "mail"
/// #     send = { channel = "email", template = "hello" }
/// # "#;
/// # let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
/// # let messages = [
/// #     Message::track("ada", "signup").at(at("10:00")?),
/// #     Message::track("ada", "photo").at(at("11:00")?),
/// # ];
/// # let told = |list: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("LIST", list))?;
/// #     let simulation = simulate(&definitions, &messages, at("23:00")?);
/// #     Ok(format!("{} {}", simulation.notes[2].at.to_string()[11..16].to_owned(), simulation.notes[2].what))
/// # };
/// // `{ any = [{ event = "photo" }, { event = "friend" }], timeout = "4h", then = "end", else = "mail" }`, and the
/// // same with `all`, from 10:00 on. There is a photo at 11:00, and never a friend.
/// assert_eq!(told("any")?, "11:00 came, on to end");
/// assert_eq!(told("all")?, "14:00 did not come, on to mail");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WaitFor {
    /// Whether all conditions must be met, or any one.
    pub all: bool,
    /// From 1 to 16.
    pub conditions: Vec<Awaited>,
    /// How long it waits at most.
    pub timeout: Duration,
    /// The step to go to once they are met; none for the next one.
    pub then: Option<Box<str>>,
    /// The step to go to where they are not met in time; none for the next one.
    pub otherwise: Option<Box<str>>,
}

/// A condition of a wait.
///
/// ```
/// use bespoke::journey::Delivery;
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "push", send = { channel = "push", template = "hello" } },
///         { id = "react", wait_for = { any = [{ opened = "push" }], timeout = "1d", then = "end" } },
///         { id = "mail", send = { channel = "email", template = "hello" } },
///     ]
/// "#)?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let mut partition = Partition::new(&definitions);
/// partition.ingest(&Message::track("ada", "signup"), now)?;
/// let push = &partition.outbox(1, Duration::minutes(5), now)[0];
/// partition.acknowledge(&push.id, Delivery::Sent, now); // nothing waits for that
/// let opened = partition.acknowledge(&push.id, Delivery::Opened, now + Duration::minutes(9));
/// assert_eq!(opened.outcome.notes[0].to_string(), "welcome, step react: came, on to end");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Awaited {
    /// An event, or a segment that is entered or left.
    Trigger(Trigger),
    /// What becomes of the message that an earlier step of the same instance sent.
    Answer {
        /// What the host must say of it.
        delivery: Delivery,
        /// The step that sends it.
        step: Box<str>,
    },
}

/// Several ways, by weight.
///
/// ```
/// use bespoke::{experiment::Experiment, journey::What};
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
/// #   [journeys.welcome]
/// #   enter = { event = "signup" }
///     [[journeys.welcome.step]]
///     id = "half"
///     split = { salt = "hello", arms = { push = 50, mail = 50 }, to = { mail = "mail" } }
/// #   [[journeys.welcome.step]]
/// #   id = "push"
/// #   send = { channel = "push", template = "hello" }
/// #   [[journeys.welcome.step]]
/// #   id = "done"
/// #   goto = "end"
/// #   [[journeys.welcome.step]]
/// #   id = "mail"
/// #   send = { channel = "email", template = "hello" }
/// "#)?;
/// # let at: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let signups: Vec<Message> = (0..100).map(|n| Message::track(format!("u{n}"), "signup").at(at)).collect();
/// # let simulation = simulate(&definitions, &signups, at);
/// // The way follows from the salt, the arms and the user's id alone, so an experiment can take over.
/// let same = Experiment::params("hello").arm("push", 50.0).arm("mail", 50.0).check()?;
/// for note in &simulation.notes {
///     if let What::Chose { arm } = &note.what {
///         assert_eq!(same.arm(&note.user), Some(&**arm));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Splits of the same salt and arms part users alike.
    pub salt: Box<str>,
    /// The arms and their weights, in order.
    pub arms: Vec<(Box<str>, f64)>,
    /// The steps that arms lead to; an arm that is missing goes on to the next one.
    pub to: BTreeMap<Box<str>, Box<str>>,
}

/// A test: who takes part in it goes the way of an arm.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [attributes]
/// #   tier = "string"
/// #   [events.signup]
/// #   [templates.old]
/// #   title = "Hello"
/// #   [templates.new]
/// #   title = "Good to see you"
///     [experiments.tone]
///     arms = { old = 0, new = 100 }
///     audience = 'tier = "gold"'
/// #   [journeys.welcome]
/// #   enter = { event = "signup" }
///     [[journeys.welcome.step]]
///     id = "tone"
///     experiment = "tone"
///     to = { new = "new" }
/// #   [[journeys.welcome.step]]
/// #   id = "old"
/// #   send = { channel = "email", template = "old" }
/// #   [[journeys.welcome.step]]
/// #   id = "done"
/// #   goto = "end"
/// #   [[journeys.welcome.step]]
/// #   id = "new"
/// #   send = { channel = "email", template = "new" }
/// "#)?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let mut partition = Partition::new(&definitions);
/// # partition.ingest(&Message::identify("ada").with("tier", "gold"), now)?;
/// partition.ingest(&Message::track("ada", "signup"), now)?; // she is gold, and bob is not
/// assert_eq!(partition.export("ada")?.exposures[0].arm, "new"); // that she saw it is on record
/// let bob = partition.ingest(&Message::track("bob", "signup"), now)?;
/// assert_eq!(bob.notes[1].to_string(), "welcome, step tone: outside the experiment: not in the audience");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentStep {
    /// The name of the experiment.
    pub experiment: Box<str>,
    /// The steps that arms lead to; an arm that is missing goes on to the next one, and so does who takes no part.
    pub to: BTreeMap<Box<str>, Box<str>>,
}

/// A message.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.add_to_cart]
/// #   [templates.cart]
/// #   title = "Still interested?"
///     [delivery]
///     quiet = { push = { from = "22:00", to = "08:00" } }
///     [[journeys.cart.step]]
///     id = "remind"
///     send = { channel = "push", template = "cart", expires = "6h" }
/// #   [journeys.cart]
/// #   enter = { event = "add_to_cart" }
/// "#)?;
/// # let at = |clock: &str| format!("2026-11-{clock}:00Z").parse::<Instant>();
/// # let messages = [at("23T23:00")?, at("24T04:00")?].map(|at| Message::track("ada", "add_to_cart").at(at));
/// # let simulation = simulate(&definitions, &messages, at("25T00:00")?);
/// # let held_back: Vec<String> = simulation.held_back().map(|note| note.what.to_string()).collect();
/// // One falls due at 23:00 and one at 04:00. At eight they would be nine and four hours old.
/// assert_eq!(held_back[0], "not sent: expires in quiet hours");
/// assert_eq!(held_back[1], "quiet hours, deferred until 2026-11-24T08:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// `push`, `email`, or any name that the host gives.
    pub channel: Box<str>,
    /// The name of a template.
    pub template: Box<str>,
    /// Pointless so long after it was due.
    pub expires: Option<Duration>,
    /// The step to go to where the user has no address in the channel.
    pub unreachable: Option<Box<str>>,
    /// Waits for the hour at which the user answers best.
    pub at_best: bool,
    /// Only from the first local time on, and before the second, where it waits for the best hour.
    pub between: Option<(LocalTime, LocalTime)>,
    /// The local time where there is no evidence for a best one.
    pub fallback: Option<LocalTime>,
    /// What happens where a cap is full; none for what the cap says.
    pub capped: Option<Capped>,
    /// What the user must agree to; none for what the journey says.
    pub purpose: Option<Box<str>>,
    /// What caps of these tags count, besides those of the journey.
    pub tags: Vec<Box<str>>,
    /// Not again what the user was sent already.
    pub dedup: Option<Dedup>,
}

/// When a message is one that was sent already.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [
///         { id = "push", send = { channel = "push", template = "hello", dedup = { key = "hello", window = "7d" } } },
///         { id = "mail", send = { channel = "email", template = "hello", dedup = { key = "hello", window = "7d" } } },
///     ]
/// "#)?;
/// let signup = Message::track("ada", "signup").at("2026-11-23T10:00:00Z".parse()?);
/// let simulation = simulate(&definitions, [&signup], "2026-11-24T00:00:00Z".parse()?);
/// // Without the key the mail would be another message, because it goes by another channel.
/// let why_not: Vec<String> = simulation.held_back().map(ToString::to_string).collect();
/// assert_eq!(why_not, ["welcome, step mail: not sent: sent already"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// What tells that two are the same; none for channel, template and content.
    pub key: Option<Box<str>>,
    /// How long that is remembered.
    pub window: Duration,
}

/// An event that a journey records.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   plan = "string"
///     [events.onboarded]
///     plan = "string"
///     [segments]
///     on_pro = 'did(onboarded where plan = "pro")'
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [{ id = "tell", emit = { event = "onboarded", properties = { plan = "{{ event.plan }}" } } }]
/// "#)?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let mut partition = Partition::new(&definitions);
/// let outcome = partition.ingest(&Message::track("ada", "signup").with("plan", "pro"), now)?;
/// assert_eq!(outcome.changes[0].to_string(), "ada entered on_pro"); // it is an event like any other
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Emit {
    /// Its name.
    pub event: Box<str>,
    /// Its properties, in order.
    pub properties: Vec<(Box<str>, Value)>,
}

/// Something that the host is to do.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.churned]
///     [delivery]
///     quiet = { crm = { from = "22:00", to = "08:00" } }
///     [journeys.win_back]
///     enter = { event = "churned" }
///     step = [{ id = "ticket", call = { channel = "crm", properties = { queue = "win_back", level = 2 } } }]
/// "#)?;
/// # let mut partition = Partition::new(&definitions);
/// let night: Instant = "2026-11-23T23:00:00Z".parse()?;
/// partition.ingest(&Message::track("ada", "churned"), night)?;
/// let call = &partition.outbox(1, Duration::minutes(5), night)[0]; // no message, so quiet hours are not for it
/// assert_eq!((&*call.channel, call.content.get("level")), ("crm", Some(&2.into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The channel by which it is handed out.
    pub channel: Box<str>,
    /// What it is told, in order.
    pub properties: Vec<(Box<str>, Value)>,
}
