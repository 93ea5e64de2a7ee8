//! Steps of an instance, one behind the other.

use crate::journey::context::Context;
use crate::journey::instance::{Instance, Stand, UserJourneys};
use crate::journey::log::Log;
use crate::journey::outbox::{Origin, Outbox};
use crate::journey::past::Past;
use crate::journey::plan::{CompiledAction, CompiledJourney, JourneyPlan};
use crate::journey::step::{Next, Wanted};
use crate::journey::throttle::Throttles;
use crate::journey::{Class, Reason, What};
use crate::model::Instant;
use crate::predict::SendTimes;
use crate::profile::UserKey;
use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

/// Most steps of one instance at one instant. Definitions are checked for loops without a wait, so it is a long row of
/// steps that ends here.
const STEPS_MAX: u8 = 64;

/// What is due of one user at one instant.
pub(super) struct Run<'r, 'a> {
    pub(super) cx: &'r Context<'a>,
    pub(super) plan: &'r JourneyPlan,
    pub(super) user: UserKey,
    pub(super) known: &'r mut UserJourneys,
    pub(super) past: &'r mut Past,
    pub(super) outbox: &'r mut Outbox,
    pub(super) throttles: &'r mut Throttles,
    pub(super) times: Option<&'r SendTimes>,
    /// What the engine is to do to the user before steps go on.
    pub(super) effects: &'r mut Vec<Wanted>,
    pub(super) log: Log<'r>,
}

/// Where a walk over steps stops.
pub(super) enum Stop {
    /// It waits, or is over.
    Here,
    AtSend(Ready),
}

/// An instance that stands on a send. The greatest goes first (rule 10 of the gate).
pub(super) struct Ready {
    instance: Instance,
    class: Class,
    priority: i64,
    /// When the send is pointless; the far end of time where it never is.
    expires: Instant,
}

impl Ord for Ready {
    /// Class, priority, earliest expiry, when it was due at first, journey, key, entry: what was put off once is not put off
    /// again for what came later.
    fn cmp(&self, other: &Ready) -> Ordering {
        let rank = |ready: &Ready| {
            let instance = &ready.instance;
            (ready.class, ready.priority, Reverse(ready.expires), Reverse(instance.wanted))
        };
        let (own, their) = (&self.instance, &other.instance);
        rank(self).cmp(&rank(other)).then_with(|| their.order().cmp(&own.order()))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Ready) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Ready) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ready {}

impl<'r> Run<'r, '_> {
    pub(super) fn journey(&self, instance: &Instance) -> &'r CompiledJourney {
        &self.plan.journeys[usize::from(instance.journey)]
    }

    /// The label of a step of the instance's journey, or `end`.
    pub(super) fn label(&self, instance: &Instance, step: u16) -> Arc<str> {
        self.journey(instance).label(step)
    }

    /// Notes what the step does on which the instance stands.
    pub(super) fn note(&mut self, instance: &Instance, what: What) {
        self.log.note(instance.journey, &instance.key, Some(instance.step), what);
    }

    /// Goes on with an instance that is due, up to a send, a wait or the end.
    pub(super) fn wake(&mut self, mut instance: Instance) -> Stop {
        let ends = self.journey(&instance).ends(instance.entered);
        if ends <= self.cx.now {
            return self.expire(instance, ends);
        }
        match instance.stand {
            Stand::Due => {}
            Stand::Deferred => return self.stop_at_send(instance),
            Stand::Waiting => instance.step += 1,
            Stand::WaitingFor | Stand::Met => {
                if let Some(CompiledAction::WaitFor(wait)) = self.plan.action(instance.journey, instance.step)
                {
                    self.wake_waiting_for(&mut instance, wait);
                }
            }
        }
        instance.stand = Stand::Due;
        self.walk(instance)
    }

    /// Runs steps until a send, a wait or the end.
    pub(super) fn walk(&mut self, mut instance: Instance) -> Stop {
        let journey = self.journey(&instance);
        loop {
            let Some(step) = journey.steps.get(usize::from(instance.step)) else {
                return self.end(&instance, None, What::Completed);
            };
            if !self.effects.is_empty() && step.looks_at_user() {
                // It goes on once its user is what earlier steps made of them.
                self.known.add(instance);
                return Stop::Here;
            }
            if instance.burst >= STEPS_MAX {
                let what = What::Exited { reason: Reason::LoopGuard };
                return self.end(&instance, Some(instance.step), what);
            }
            instance.burst += 1;
            let next = match &step.action {
                CompiledAction::Send(_) => {
                    instance.wanted = instance.due;
                    return self.stop_at_send(instance);
                }
                CompiledAction::Goto(to) => {
                    instance.go_to(*to);
                    Next::Step
                }
                CompiledAction::Split(split) => {
                    self.split(&mut instance, split);
                    Next::Step
                }
                CompiledAction::Experiment(step) => {
                    self.experiment(&mut instance, step);
                    Next::Step
                }
                CompiledAction::Affect(effect) => {
                    self.affect(&mut instance, effect);
                    Next::Step
                }
                CompiledAction::Call(call) => {
                    self.call(&mut instance, call);
                    Next::Step
                }
                CompiledAction::Wait(duration) => self.wait(&mut instance, *duration),
                CompiledAction::WaitUntil(wait) => self.wait_until_local(&mut instance, wait),
                CompiledAction::WaitFor(wait) => self.wait_for(&mut instance, wait),
                CompiledAction::Branch(arms) => {
                    self.branch(&mut instance, arms);
                    Next::Step
                }
            };
            if next == Next::Wait {
                self.known.add(instance);
                return Stop::Here;
            }
        }
    }

    fn stop_at_send(&self, instance: Instance) -> Stop {
        let journey = self.journey(&instance);
        let expires = match journey.steps.get(usize::from(instance.step)).map(|step| &step.action) {
            Some(CompiledAction::Send(send)) => send.definition.expires,
            _ => None,
        };
        let expires = expires.map_or(Instant::MAX, |expires| instance.wanted + expires);
        let (class, priority) = (journey.definition.class, journey.definition.priority);
        Stop::AtSend(Ready { instance, class, priority, expires })
    }

    /// Puts a send back that does not come to it yet: the steps before it are not done for all.
    pub(super) fn put_back(&mut self, ready: Ready) {
        self.known.add(ready.instance);
    }

    /// Puts a send through the gate, and walks on behind it where the instance goes on at once.
    pub(super) fn go_on(&mut self, ready: Ready) -> Stop {
        let mut instance = ready.instance;
        let steps = &self.journey(&instance).steps;
        let next = match steps.get(usize::from(instance.step)).map(|step| &step.action) {
            Some(CompiledAction::Send(send)) => self.send(&mut instance, send),
            // Under new definitions the step may be another one.
            _ => Next::Step,
        };
        match next {
            Next::Wait => {
                self.known.add(instance);
                Stop::Here
            }
            Next::Exit(reason) => {
                let step = Some(instance.step);
                self.end(&instance, step, What::Exited { reason })
            }
            Next::Step => {
                instance.stand = Stand::Due;
                self.walk(instance)
            }
        }
    }

    /// Ends an instance that has lasted as long as its journey may, and takes back what of it waits in the outbox.
    fn expire(&mut self, mut instance: Instance, ends: Instant) -> Stop {
        instance.due = ends;
        let Instance { journey, ref key, entry, .. } = instance;
        let is_of = |origin: &Origin| (origin.journey, &origin.key, origin.entry) == (journey, key, entry);
        let lost = self.outbox.withdraw(self.user, self.cx.now, |origin, _| is_of(origin));
        self.log.withdrawn(lost, Some(self.known), Reason::Expires);
        self.end(&instance, Some(instance.step), What::Exited { reason: Reason::Expires })
    }

    fn end(&mut self, instance: &Instance, step: Option<u16>, what: What) -> Stop {
        self.log.note(instance.journey, &instance.key, step, what);
        // Over at the instant of its last step: what began it may have been late, and what comes next too.
        let exit = (instance.due, Some(instance.entry));
        self.past.exit(self.user, instance.journey, &instance.key, exit, self.cx.now, self.plan);
        self.known.leave_goal_open(instance, self.plan, self.cx.now);
        Stop::Here
    }
}

// Classes in the order in which they go: what the user expects comes first.
const _: () = assert!((Class::Marketing as u8) < Class::Service as u8);
const _: () = assert!((Class::Service as u8) < Class::Transactional as u8);
