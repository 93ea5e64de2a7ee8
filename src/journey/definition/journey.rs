use crate::journey::{Step, Trigger};
use crate::model::Duration;
use std::collections::BTreeMap;

/// A workflow for one user: it starts on a trigger, waits, branches, and sends.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.signup]
/// #   [templates.hello]
/// #   title = "Hello"
/// #   [templates.verify]
/// #   title = "Is this your address?"
///     [delivery]
///     cap = [{ scope = "global", max = 1, per = "day" }]
///     [journeys.welcome]
///     enter = { event = "signup" }
///     step = [{ id = "hello", send = { channel = "email", template = "hello" } }]
///     [journeys.verify]
///     priority = 10
///     enter = { event = "signup" }
///     step = [{ id = "ask", send = { channel = "email", template = "verify" } }]
/// "#)?;
/// let signup = Message::track("ada", "signup").at("2026-11-23T10:00:00Z".parse()?);
/// let simulation = simulate(&definitions, [&signup], "2026-11-24T00:00:00Z".parse()?);
/// assert_eq!(simulation.actions.len(), 1);
/// assert_eq!(&*simulation.actions[0].journey, "verify"); // the higher priority goes first, and uses up the cap
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its name.
    pub name: Box<str>,
    /// What kind of message it sends.
    pub class: Class,
    /// The higher one goes first where several want to send at one instant.
    pub priority: i64,
    /// What starts it.
    pub enter: Enter,
    /// Only for users for whom this expression holds on entry.
    pub audience: Option<Box<str>>,
    /// What ends it early.
    pub exit: Vec<Trigger>,
    /// What it is for: reaching it ends the journey, and counts.
    pub goal: Option<Goal>,
    /// The percentage of users, from 0 to 100, who go through it and are sent nothing.
    pub holdout: f64,
    /// What may come late, and what then.
    pub late: Late,
    /// Longest time that an instance lasts.
    pub expires: Option<Duration>,
    /// What caps of these tags count, for all its sends.
    pub tags: Vec<Box<str>>,
    /// What a user must agree to for any of its sends; none for that of its class.
    pub purpose: Option<Box<str>>,
    /// What becomes of who is in it when it is defined anew.
    pub on_change: OnChange,
    /// Where an instance goes on whose step is gone: the id of the old step, and of the new one.
    pub moved_to: BTreeMap<Box<str>, Box<str>>,
    /// What it does, in order.
    pub steps: Vec<Step>,
}

/// What kind of message a journey sends.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.login]
/// #     [templates.code]
/// #     title = "Your code"
/// #     [delivery]
/// #     quiet = { sms = { from = "22:00", to = "08:00" } }
/// #     [journeys.code]
/// #     class = "CLASS"
/// #     enter = { event = "login" }
/// #     step = [{ id = "send", send = { channel = "sms", template = "code" } }]
/// # "#;
/// # let login = Message::track("ada", "login").at("2026-11-23T23:00:00Z".parse()?);
/// # let sent = |class: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("CLASS", class))?;
/// #     Ok(simulate(&definitions, [&login], "2026-11-25T00:00:00Z".parse()?).actions[0].at.to_string())
/// # };
/// // When a message is sent that falls due at 23:00, where it is quiet from 22:00 to 08:00.
/// assert_eq!(sent("marketing")?, "2026-11-24T08:00:00Z"); // what `class` is unless given
/// assert_eq!(sent("service")?, "2026-11-24T08:00:00Z");
/// assert_eq!(sent("transactional")?, "2026-11-23T23:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Class {
    /// Advertising: caps and quiet hours hold.
    #[default]
    Marketing,
    /// About something the user uses: caps and quiet hours hold.
    Service,
    /// Expected by the user: bypasses caps and quiet hours.
    Transactional,
}

/// What starts a journey, and how often.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.trial]
/// #   product = "string"
/// #   days = "number"
/// #   [templates.tips]
/// #   title = "Tips"
///     [journeys.trial]
///     enter = { event = "trial", where = "days >= 14", key = "product", reentry = "once" }
///     step = [{ id = "tips", send = { channel = "email", template = "tips" } }]
/// "#)?;
/// # let at: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let trial = |product: &str, days: i64| Message::track("ada", "trial").with("product", product).with("days", days);
/// let messages = [trial("run", 7), trial("run", 14), trial("run", 30), trial("yoga", 30)].map(|trial| trial.at(at));
/// let simulation = simulate(&definitions, &messages, at);
/// let told: Vec<String> = simulation.notes.iter().map(ToString::to_string).collect();
/// // Seven days are no trial: no note tells of them. The others begin one instance for each product, once.
/// let entries = told.iter().filter(|note| note.contains("entered"));
/// assert_eq!(entries.collect::<Vec<_>>(), [
///     "trial (run): entered", "trial (run): not entered: once only", "trial (yoga): entered",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Enter {
    /// What starts it.
    pub trigger: Trigger,
    /// What happens to a user who was in it before, or is in it.
    pub reentry: Reentry,
}

/// What happens to a user who was in a journey before, or is in it.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.add_to_cart]
/// #     [templates.cart]
/// #     title = "Still interested?"
/// #     [journeys.cart]
/// #     enter = { event = "add_to_cart", reentry = REENTRY }
/// #     step = [{ id = "idle", wait = "1h" }, { id = "remind", send = { channel = "push", template = "cart" } }]
/// # "#;
/// # let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
/// # let messages = [at("10:00")?, at("10:30")?, at("12:00")?].map(|at| Message::track("ada", "add_to_cart").at(at));
/// # let sent = |reentry: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("REENTRY", reentry))?;
/// #     let actions = simulate(&definitions, &messages, at("23:00")?).actions;
/// #     Ok(actions.iter().map(|action| action.at.to_string()[11..16].to_owned()).collect::<Vec<_>>())
/// # };
/// // A push an hour after something comes into the cart, which happens at 10:00, 10:30 and 12:00. When it is sent,
/// // with `enter = { event = "add_to_cart", reentry = … }`:
/// assert_eq!(sent(r#""after_exit""#)?, ["11:00", "13:00"]); // at 10:30 she is in it
/// assert_eq!(sent(r#""once""#)?, ["11:00"]);
/// assert_eq!(sent(r#"{ after = "7d" }"#)?, ["11:00"]);
/// assert_eq!(sent(r#""restart""#)?, ["11:30", "13:00"]);
/// assert_eq!(sent(r#"{ parallel = 2 }"#)?, ["11:00", "11:30", "13:00"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reentry {
    /// Enters again once the last instance has ended (the default).
    #[default]
    AfterExit,
    /// Enters once in a life.
    Once,
    /// Enters again so long after the last exit.
    After(Duration),
    /// The running instance starts over.
    Restart,
    /// Up to so many instances of one key run side by side.
    Parallel(u32),
}

/// What a journey is for.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
/// #   version = 1
/// #   [events.add_to_cart]
/// #   [events.purchase]
/// #   [templates.cart]
/// #   title = "Still interested?"
///     [journeys.cart]
///     enter = { event = "add_to_cart" }
///     goal = { event = "purchase", within = "3d" }
///     step = [{ id = "remind", send = { channel = "push", template = "cart" } }]
/// "#)?;
/// # let at = |day: u32| format!("2026-11-{day}T10:00:00Z").parse::<Instant>();
/// # let reached = |day: u32| -> Result<_, Box<dyn std::error::Error>> {
/// #     let event = |name: &str, at| Message::track("ada", name).at(at);
/// #     let messages = [event("add_to_cart", at(23)?), event("purchase", at(day)?)];
/// #     let counts = simulate(&definitions, &messages, at(30)?).counts;
/// #     Ok(counts.get(&("cart".into(), "goal reached".into())).copied().unwrap_or(0))
/// # };
/// // The push goes out on the 23rd, and the journey is over. A purchase counts on the 25th, and no more on the 27th.
/// assert_eq!((reached(25)?, reached(27)?), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What reaches it: an event, or a segment that is entered or left.
    pub trigger: Trigger,
    /// How long after the entry it counts, also behind the last step; none for as long as the instance runs.
    pub within: Option<Duration>,
}

/// How late things may be.
///
/// ```
/// use bespoke::journey::Late;
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let definitions = Definitions::from_toml(r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     step = [{ id = "patience", wait = "1h" }, { id = "hello", send = { channel = "push", template = "hello" } }]
/// # "#)?;
/// # let mut partition = Partition::new(&definitions);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// assert_eq!(Late::default().tolerance, Duration::hours(1)); // `late = { tolerance = "1h" }`
/// // An event that comes 40 minutes late begins the journey, and its wait of an hour counts from the event.
/// let outcome = partition.ingest(&Message::track("ada", "signup").at(now - Duration::minutes(40)), now)?;
/// assert_eq!(outcome.notes[1].to_string(), "welcome, step patience: waits until 2026-11-23T10:20:00Z");
/// let outcome = partition.ingest(&Message::track("bob", "signup").at(now - Duration::hours(2)), now)?;
/// assert_eq!(outcome.notes[0].to_string(), "welcome: not entered: late");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// How long before the clock an event may lie and still begin the journey.
    pub tolerance: Duration,
    /// How long behind its due instant a send may go out.
    pub catch_up: Duration,
    /// What becomes of a send that is later than that.
    pub otherwise: TooLate,
}

impl Default for Late {
    /// An hour for entries, six for sends, which are skipped then.
    fn default() -> Late {
        Late { tolerance: Duration::hours(1), catch_up: Duration::hours(6), otherwise: TooLate::default() }
    }
}

/// What becomes of a send that comes too late.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [journeys.welcome]
/// #     enter = { event = "signup" }
/// #     late = { catch_up = "6h", else = "ELSE" }
/// #     step = [{ id = "patience", wait = "1h" }, { id = "hello", send = { channel = "push", template = "hello" } }]
/// # "#;
/// # let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
/// # let told = |otherwise: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let mut partition = Partition::new(&Definitions::from_toml(&text.replace("ELSE", otherwise))?);
/// #     partition.ingest(&Message::track("ada", "signup"), at("10:00")?)?;
/// #     Ok(partition.advance(at("19:00")?).notes[0].what.to_string())
/// # };
/// // A push is due at 11:00, with `catch_up = "6h"`; the host was down, and moves the clock at 19:00.
/// assert_eq!(told("skip")?, "not sent: too late");
/// assert_eq!(told("exit")?, "exited: too late");
/// assert_eq!(told("next_window")?, "too late, deferred until 2026-11-24T11:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TooLate {
    /// It is not sent, and the journey goes on (the default).
    #[default]
    Skip,
    /// The journey ends.
    Exit,
    /// It is sent at the next local time of day at which it was due.
    NextWindow,
}

/// What becomes of who is in a journey when it is defined anew.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [events.signup]
/// #     [templates.hello]
/// #     title = "Hello"
/// #     [journeys.welcome]
/// #     on_change = "ON_CHANGE"
/// #     enter = { event = "signup" }
/// #     step = [{ id = "patience", wait = "1d" }, { id = "hello", send = { channel = "push", template = "hello" } }]
/// # "#;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let channel = |on_change: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let text = text.replace("ON_CHANGE", on_change);
/// #     let mut partition = Partition::new(&Definitions::from_toml(&text)?);
/// #     partition.ingest(&Message::track("ada", "signup"), now)?;
/// #     partition.redefine(&Definitions::from_toml(&text.replace("push", "email"))?, now);
/// #     partition.advance(now + Duration::days(1));
/// #     Ok(partition.outbox(1, Duration::minutes(5), now + Duration::days(1))[0].channel.to_string())
/// # };
/// // While ada waits for a push, other definitions come, by which it is a mail. What she gets:
/// assert_eq!(channel("pin")?, "push"); // as it was when she entered
/// assert_eq!(channel("migrate")?, "email");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnChange {
    /// They go on under the version by which they entered (the default).
    #[default]
    Pin,
    /// They go on at the step of the same id.
    Migrate,
}
