//! What would happen: the same engine on a copy, fed with messages.

use crate::definitions::Definitions;
use crate::engine::shards::Shards;
use crate::engine::{Engine, Error, Outcome, Partition};
use crate::journey::{Action, Delivery, Note};
use crate::model::{Duration, Instant, Message};
use crate::segment::Change;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

/// Most actions that are taken out of the outbox at once.
const LEASED_MAX: usize = 1_000;

/// What would happen: who would get what when, and why not. Everything is in the order in which it happens.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = "version = 1\n[events.signup]\n[templates.hello]\ntitle = \"Hello\"\n[journeys.welcome]\n\
/// #     enter = { event = \"signup\" }\n\
/// #     step = [{ id = \"hello\", send = { channel = \"push\", template = \"hello\" } }]";
/// # let definitions = Definitions::from_toml(text)?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// let messages = ["ada", "undefined", "bob"].map(|user| Message::track(user, "signup").at(now));
/// let simulation = simulate(&definitions, &messages, now);
/// let users: Vec<&str> = simulation.actions.iter().map(|action| &*action.user).collect();
/// assert_eq!(users, ["ada", "bob"]);
/// for (place, error) in &simulation.rejected {
///     println!("message {place}: {error}"); // message 1: `userId`: `undefined` is no id …
/// }
/// assert_eq!(simulation.rejected.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Simulation {
    /// What would be sent.
    pub actions: Vec<Action>,
    /// What journeys would do, and for each message that they would not send, why.
    pub notes: Vec<Note>,
    /// Memberships that would begin or end.
    pub changes: Vec<Change>,
    /// Messages that were refused, by their place among those given, and why.
    pub rejected: Vec<(usize, Error)>,
    /// How often each journey did what, by journey and reason, as [`Partition::journey_counts`] counts.
    pub counts: BTreeMap<(String, String), u64>,
}

impl Simulation {
    /// What would not be sent, or later: notes that have one of the [rules of the gate](crate::journey::Reason::gate_rule)
    /// for a reason.
    pub fn held_back(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| note.what.reason().is_some_and(|reason| reason.gate_rule().is_some()))
    }
}

/// Runs messages through an engine of its own under definitions, from nothing, up to an instant.
///
/// It is the engine that would be at work, and it lives through time as a host does: each message comes at its own
/// timestamp (one without comes at once, and one that lies before another's is late), the clock is moved to everything
/// that is due on the way, each action is taken out of the outbox as soon as it is there, and answered as
/// [sent](Delivery::Sent). So it tells what definitions do before anybody is sent anything.
///
/// Costs as much as the same inputs cost an engine, and memory for all that happens.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::simulate;
/// use bespoke::model::{Instant, Message};
///
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     [events.add_to_cart]
///     [templates.cart]
///     title = "Still interested?"
///     [delivery]
///     cap = [{ scope = "channel:push", max = 1, window = "24h" }]
///     [journeys.cart]
///     enter = { event = "add_to_cart" }
///     step = [
///         { id = "idle", wait = "1h" },
///         { id = "remind", send = { channel = "push", template = "cart" } },
///     ]
/// "#)?;
/// let noon: Instant = "2026-11-23T12:00:00Z".parse()?;
/// let three: Instant = "2026-11-23T15:00:00Z".parse()?;
/// let messages = [noon, three].map(|at| Message::track("ada", "add_to_cart").at(at));
///
/// let simulation = simulate(&definitions, &messages, "2026-11-24T00:00:00Z".parse()?);
/// assert_eq!(simulation.actions[0].at.to_string(), "2026-11-23T13:00:00Z");
/// let why_not: Vec<String> = simulation.held_back().map(ToString::to_string).collect();
/// assert_eq!(why_not, ["cart, step remind: not sent: cap"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn simulate<'m>(
    definitions: &Definitions,
    messages: impl IntoIterator<Item = &'m Message>,
    until: Instant,
) -> Simulation {
    let simulator = Simulator::new(Shards::alone(Partition::new(definitions)));
    simulator.run(None, messages, until).expect(IN_MEMORY)
}

impl Partition {
    /// The same from here on, with the users that there are: on a copy, under other definitions where some are given.
    /// Nothing of this partition changes.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
    /// let text = r#"
    ///     version = 1
    ///     [events.signup]
    ///     [templates.hello]
    ///     title = "Hello"
    ///     [journeys.welcome]
    ///     on_change = "migrate"
    ///     enter = { event = "signup" }
    ///     step = [
    ///         { id = "patience", wait = "1d" },
    ///         { id = "hello", send = { channel = "push", template = "hello" } },
    ///     ]
    /// "#;
    /// let mut partition = Partition::new(&Definitions::from_toml(text)?);
    /// let now: Instant = "2026-11-23T12:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "signup"), now)?;
    ///
    /// let by_mail = Definitions::from_toml(&text.replace("push", "email"))?;
    /// let simulation = partition.simulate(Some(&by_mail), &[], "2026-11-30T00:00:00Z".parse()?);
    /// assert_eq!(&*simulation.actions[0].channel, "email");
    /// assert_eq!(partition.clock(), now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Costs a copy of the whole state besides: O(state) time and memory.
    #[must_use]
    pub fn simulate<'m>(
        &self,
        definitions: Option<&Definitions>,
        messages: impl IntoIterator<Item = &'m Message>,
        until: Instant,
    ) -> Simulation {
        let simulator = Simulator::new(Shards::alone(self.copied()));
        simulator.run(definitions, messages, until).expect(IN_MEMORY)
    }

    /// The same state once more, all of it in memory: everybody has to be there.
    pub(super) fn copied(&self) -> Partition {
        Partition {
            compiled: self.compiled.clone(),
            settings: self.settings.clone(),
            names: self.names.clone(),
            texts: self.texts.clone(),
            store: self.store.clone(),
            users: self.users.clone(),
            journeys: self.journeys.clone(),
            models: self.models.copied(),
            catalogue: self.catalogue.clone(),
            item_rules: Default::default(),
            seen: self.seen.clone(),
            timers: self.timers.clone(),
            unfinished: self.unfinished.clone(),
            clock: self.clock,
            host_clock: self.host_clock,
            sequence: self.sequence,
            stats: self.stats.clone(),
            members: self.members.clone(),
            parts_dropped: self.parts_dropped,
            applied: Default::default(),
            recorded: Vec::new(),
            journey_facts: self.journey_facts.clone(),
            loops_cut: self.loops_cut,
            restricted: self.restricted.clone(),
            refused: self.refused.clone(),
            scratch: Mutex::default(),
            due: Vec::new(),
            expired: Vec::new(),
            salt: self.salt,
            receipts: self.receipts.clone(),
            suppressions: self.suppressions.clone(),
            suppressed: AtomicU64::new(self.suppressed()),
            shelf: None,
            // What it is among is copied with all of them.
            among: None,
        }
    }
}

impl Engine {
    /// What would happen from here on. See [`Partition::simulate`].
    ///
    /// Others wait while the copy is made, of one partition after the other, and not while it runs. With a store everybody
    /// is brought into memory for it.
    ///
    /// # Errors
    /// A user who cannot be read.
    pub fn simulate<'m>(
        &self,
        definitions: Option<&Definitions>,
        messages: impl IntoIterator<Item = &'m Message>,
        until: Instant,
    ) -> Result<Simulation, Error> {
        Simulator::new(self.shards().copied()?).run(definitions, messages, until)
    }
}

/// Why nothing of a simulation fails: only messages are refused.
const IN_MEMORY: &str = "all is in memory, where nothing has to be read or written";

/// A host of partitions that nobody else sees.
struct Simulator {
    shards: Shards,
    seen: Simulation,
}

impl Simulator {
    fn new(shards: Shards) -> Simulator {
        let seen = Simulation {
            actions: Vec::new(),
            notes: Vec::new(),
            changes: Vec::new(),
            rejected: Vec::new(),
            counts: BTreeMap::new(),
        };
        Simulator { shards, seen }
    }

    fn run<'m>(
        mut self,
        definitions: Option<&Definitions>,
        messages: impl IntoIterator<Item = &'m Message>,
        until: Instant,
    ) -> Result<Simulation, Error> {
        if let Some(definitions) = definitions {
            let now = self.shards.clock();
            let outcome = self.shards.redefine(definitions, now)?;
            self.note(outcome, now)?;
        }
        // What waited in the outbox goes out first.
        self.deliver(self.shards.clock())?;
        for (place, message) in messages.into_iter().enumerate() {
            let clock = self.shards.clock();
            let now = message.timestamp.map_or(clock, |at| at.max(clock));
            self.catch_up(now - Duration::from_millis(1))?;
            match self.shards.ingest(message, now) {
                Ok(outcome) => self.note(outcome, now)?,
                Err(error) => self.seen.rejected.push((place, error)),
            }
        }
        self.catch_up(until)?;
        let outcome = self.shards.advance(until)?;
        self.note(outcome, until)?;
        self.seen.counts = self.shards.journey_counts();
        Ok(self.seen)
    }

    /// Moves the clock from one due instant to the next, up to one.
    fn catch_up(&mut self, until: Instant) -> Result<(), Error> {
        while let Some(due) = self.shards.next_due().filter(|due| *due <= until) {
            let now = due.max(self.shards.clock());
            let outcome = self.shards.advance(now)?;
            self.note(outcome, now)?;
        }
        Ok(())
    }

    /// Keeps what happened, and delivers what that put into the outbox.
    fn note(&mut self, outcome: Outcome, now: Instant) -> Result<(), Error> {
        self.seen.changes.extend(outcome.changes);
        self.seen.notes.extend(outcome.notes);
        self.deliver(now)
    }

    fn deliver(&mut self, now: Instant) -> Result<(), Error> {
        loop {
            let actions = self.shards.outbox(LEASED_MAX, Duration::days(1), now)?;
            if actions.is_empty() {
                return Ok(());
            }
            for action in actions {
                let answer = self.shards.acknowledge(&action.id, Delivery::Sent, now)?;
                self.seen.changes.extend(answer.outcome.changes);
                self.seen.notes.extend(answer.outcome.notes);
                self.seen.actions.push(action);
            }
        }
    }
}
