//! Journeys by the text of `journeys.md` alone: one list of instances, looked through from its beginning each time.

use crate::rules::{Journey, Occurrence, Reentry, Step};

/// Milliseconds.
pub(crate) type Millis = i64;
const MINUTE: Millis = 60_000;
/// How late an event may come and still begin a journey.
const TOLERANCE: Millis = 60 * MINUTE;

/// What a user did, in order of arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happening {
    pub(crate) at: Millis,
    pub(crate) user: &'static str,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Event { event: &'static str, cart: &'static str, value: i64 },
    Tier(&'static str),
}

/// An action, by what it is compared by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) at: Millis,
    pub(crate) user: String,
    pub(crate) journey: String,
    pub(crate) key: String,
    pub(crate) step: String,
    pub(crate) channel: String,
}

/// A user in a journey. One that has ended stays, for whoever asks when.
#[derive(Debug)]
struct Instance {
    user: &'static str,
    journey: usize,
    /// The cart, or empty.
    key: &'static str,
    entered: Millis,
    /// The step at which it stands, until when, and for a `wait_for` which conditions were met.
    step: usize,
    due: Millis,
    met: Vec<bool>,
    stand: Stand,
    ended: Option<Millis>,
}

/// How an instance stands on its step. In this order they go on that are due at one instant: everybody comes as far as
/// they can before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    /// The step is to run, or a wait on it is over.
    Runs,
    Waits,
    Sends,
}

/// All of it.
pub(crate) struct Twin<'r> {
    journeys: &'r [Journey],
    clock: Millis,
    tiers: Vec<(&'static str, &'static str)>,
    instances: Vec<Instance>,
    /// Events that end instances, also where there were none: what is older begins nothing.
    exits: Vec<Exit>,
    sent: Vec<Sent>,
}

struct Exit {
    user: &'static str,
    journey: usize,
    /// None for all keys.
    key: Option<&'static str>,
    at: Millis,
}

/// What is sent, from nothing, up to an instant, in order of instant, user and journey.
pub(crate) fn sent(journeys: &[Journey], happenings: &[Happening], until: Millis) -> Vec<Sent> {
    let mut twin = Twin {
        journeys,
        clock: Millis::MIN,
        tiers: Vec::new(),
        instances: Vec::new(),
        exits: Vec::new(),
        sent: Vec::new(),
    };
    for happening in happenings {
        // At one instant what a user does comes before what is due.
        let now = twin.clock.max(happening.at);
        twin.pass(now - 1);
        twin.clock = now;
        match happening.what {
            What::Tier(tier) => twin.set_tier(happening.user, tier),
            What::Event { event, cart, value } => twin.event(happening, event, cart, value),
        }
        twin.pass(now);
    }
    twin.pass(until);
    twin.sent.sort();
    twin.sent
}

impl Twin<'_> {
    /// Lets time pass up to an instant, and what is due on the way be done: by instant, user and journey.
    fn pass(&mut self, now: Millis) {
        loop {
            let due = self.instances.iter().enumerate().filter(|(_, instance)| instance.ended.is_none());
            let due = due.filter(|(_, instance)| instance.due <= now);
            let first = due.min_by_key(|(place, instance)| {
                let sends = instance.stand == Stand::Sends;
                (instance.due, instance.user, sends, instance.journey, instance.key, *place)
            });
            let Some((place, _)) = first else { break };
            let Instance { due, step, stand, journey, .. } = self.instances[place];
            self.clock = self.clock.max(due);
            let to = match &self.journeys[journey].steps.get(step) {
                // What it waited for did not come, or a wait is over.
                Some(Step::WaitFor { otherwise, .. }) if stand == Stand::Waits => {
                    otherwise.unwrap_or(step + 1)
                }
                _ if stand == Stand::Waits => step + 1,
                _ => step,
            };
            self.go(place, to, due);
        }
        self.clock = self.clock.max(now);
    }

    fn event(&mut self, happening: &Happening, event: &str, cart: &'static str, value: i64) {
        let Happening { at, user, .. } = *happening;
        let is_it = |occurrence: &Occurrence, key: &str| {
            occurrence.event == event
                && occurrence.least_value.is_none_or(|least| value >= least)
                && (!occurrence.is_keyed || key == cart)
        };
        for number in 0..self.journeys.len() {
            let journey = &self.journeys[number];
            let running = |instance: &Instance| {
                instance.user == user && instance.journey == number && instance.ended.is_none()
            };
            for exit in journey.exit.iter().filter(|exit| is_it(exit, cart)) {
                let key = exit.is_keyed.then_some(cart);
                self.exits.push(Exit { user, journey: number, key, at });
            }
            for place in 0..self.instances.len() {
                let instance = &mut self.instances[place];
                if !running(instance) {
                    continue;
                }
                let is_exit = journey.exit.iter().any(|exit| is_it(exit, instance.key));
                let is_goal = journey.goal.as_ref().is_some_and(|(goal, within)| {
                    // What came before the entry is not its work.
                    is_it(goal, instance.key)
                        && at >= instance.entered
                        && within.is_none_or(|within| at - instance.entered < within * MINUTE)
                });
                if is_exit || is_goal {
                    // It comes late for one that began behind it, and ends that one too.
                    instance.ended = Some(at.max(instance.entered));
                    continue;
                }
                // What comes at the very instant at which the time is over comes too late.
                if instance.stand != Stand::Waits || self.clock >= instance.due {
                    continue;
                }
                let Step::WaitFor { is_all, conditions, then, .. } = &journey.steps[instance.step] else {
                    continue;
                };
                for (condition, met) in conditions.iter().zip(&mut instance.met) {
                    *met |= is_it(condition, instance.key);
                }
                let is_over =
                    if *is_all { instance.met.iter().all(|met| *met) } else { instance.met.contains(&true) };
                if is_over {
                    let to = then.unwrap_or(instance.step + 1);
                    (instance.step, instance.due, instance.stand) = (to, self.clock, Stand::Runs);
                }
            }
            if is_it(&journey.enter, cart) {
                self.enter(number, user, if journey.enter.is_keyed { cart } else { "" }, at);
            }
        }
    }

    fn enter(&mut self, journey: usize, user: &'static str, key: &'static str, at: Millis) {
        if self.clock - at > TOLERANCE {
            return;
        }
        let is_own = |instance: &&mut Instance| {
            instance.user == user && instance.journey == journey && instance.key == key
        };
        let reentry = self.journeys[journey].reentry;
        let mut running: Vec<usize> = Vec::new();
        let mut last_exit = None;
        for (place, instance) in
            self.instances.iter_mut().enumerate().filter(|(_, instance)| is_own(&instance))
        {
            match instance.ended {
                None => running.push(place),
                Some(ended) => last_exit = last_exit.max(Some(ended)),
            }
        }
        let is_own = |exit: &&Exit| {
            exit.user == user
                && exit.journey == journey
                && exit.key.is_none_or(|own| own == key || key.is_empty())
        };
        let barred = self.exits.iter().filter(is_own).map(|exit| exit.at).chain(last_exit).max();
        if barred.is_some_and(|exit| at < exit) {
            return;
        }
        match reentry {
            Reentry::Restart if !running.is_empty() => {
                // What is older than what runs does not set it back.
                if at < self.instances[running[0]].entered {
                    return;
                }
                self.instances[running[0]].entered = at;
                let instance = &mut self.instances[running[0]];
                (instance.step, instance.due, instance.stand) = (0, at, Stand::Runs);
                return;
            }
            Reentry::AfterExit | Reentry::Restart if running.is_empty() => {}
            Reentry::Once if running.is_empty() && last_exit.is_none() => {}
            Reentry::After(minutes)
                if running.is_empty() && last_exit.is_none_or(|exit| at - exit >= minutes * MINUTE) => {}
            Reentry::Parallel(most) if running.len() < most => {}
            _ => return,
        }
        let instance = Instance {
            user,
            journey,
            key,
            entered: at,
            step: 0,
            due: at,
            met: Vec::new(),
            stand: Stand::Runs,
            ended: None,
        };
        self.instances.push(instance);
    }

    /// Runs an instance from a step on, as of an instant that may be before the clock, until it waits or ends.
    fn go(&mut self, place: usize, step: usize, at: Millis) {
        let journeys = self.journeys;
        let (journey, user) = (self.instances[place].journey, self.instances[place].user);
        let mut step = step;
        let mut is_turn = self.instances[place].stand == Stand::Sends;
        loop {
            let next = match journeys[journey].steps.get(step) {
                None => {
                    self.instances[place].ended = Some(at);
                    return;
                }
                Some(Step::Wait(minutes)) => {
                    let instance = &mut self.instances[place];
                    (instance.step, instance.due, instance.stand) =
                        (step, at + minutes * MINUTE, Stand::Waits);
                    return;
                }
                Some(Step::WaitFor { conditions, timeout, .. }) => {
                    let instance = &mut self.instances[place];
                    (instance.step, instance.due, instance.stand) =
                        (step, at + timeout * MINUTE, Stand::Waits);
                    instance.met = vec![false; conditions.len()];
                    return;
                }
                // Everybody comes as far as they can before anything is sent.
                Some(Step::Send(_)) if !is_turn => {
                    let instance = &mut self.instances[place];
                    (instance.step, instance.due, instance.stand) = (step, at, Stand::Sends);
                    return;
                }
                Some(Step::Branch(arms)) => {
                    let tier = self.tiers.iter().find(|(own, _)| *own == user).map(|(_, tier)| *tier);
                    let arm = arms.iter().find(|(wanted, _)| Some(*wanted) == tier);
                    arm.map_or(step + 1, |(_, to)| *to)
                }
                Some(Step::Goto(to)) => *to,
                Some(Step::SetTier(tier)) => {
                    self.set_tier(user, tier);
                    step + 1
                }
                Some(Step::Send(channel)) => {
                    self.sent.push(Sent {
                        at: at.max(self.clock),
                        user: user.to_owned(),
                        journey: format!("j{journey}"),
                        key: self.instances[place].key.to_owned(),
                        step: format!("s{step}"),
                        channel: (*channel).to_owned(),
                    });
                    is_turn = false;
                    step + 1
                }
            };
            step = next;
        }
    }

    fn set_tier(&mut self, user: &'static str, tier: &'static str) {
        self.tiers.retain(|(own, _)| *own != user);
        self.tiers.push((user, tier));
    }
}
