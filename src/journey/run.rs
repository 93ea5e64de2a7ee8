//! Steps of an instance, one behind the other.

use crate::journey::compile::{CompiledAction, JourneyPlan};
use crate::journey::context::{Context, RenderRequest};
use crate::journey::gate::{Candidate, Verdict, judge};
use crate::journey::instance::{Instance, UserJourneys};
use crate::journey::outbox::{Origin, Outbox};
use crate::journey::past::Past;
use crate::journey::runtime::Log;
use crate::journey::{Action, Class, Reason, What, caps};
use crate::model::{Duration, stable_hash};
use crate::profile::UserKey;
use std::cmp::{Ordering, Reverse};

/// Most steps of one instance at one instant. Definitions are checked for loops without a wait, so it is a long row of
/// steps that ends here.
const STEPS_MAX: usize = 64;

/// What is due of one user at one instant.
pub(super) struct Run<'r, 'a> {
    pub(super) cx: &'r Context<'a>,
    pub(super) plan: &'r JourneyPlan,
    pub(super) user: UserKey,
    pub(super) known: &'r mut UserJourneys,
    pub(super) past: &'r mut Past,
    pub(super) outbox: &'r mut Outbox,
    pub(super) log: Log<'r>,
}

/// Where a walk over steps stops.
pub(super) enum Stop {
    /// It waits, or is over.
    Here,
    AtSend(Ready),
}

/// An instance that stands on a send. The greatest goes first.
pub(super) struct Ready {
    instance: Instance,
    /// Steps since the instance last waited.
    steps: usize,
    class: Class,
    priority: i64,
}

impl Ord for Ready {
    fn cmp(&self, other: &Ready) -> Ordering {
        let rank = |ready: &Ready| (ready.class, ready.priority, Reverse(ready.instance.journey));
        let (own, their) = (&self.instance, &other.instance);
        rank(self).cmp(&rank(other)).then_with(|| (&their.key, their.entry).cmp(&(&own.key, own.entry)))
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

impl Run<'_, '_> {
    /// Runs steps until a send, a wait or the end.
    pub(super) fn walk(&mut self, mut instance: Instance, mut steps: usize) -> Stop {
        let journey = &self.plan.journeys[usize::from(instance.journey)];
        loop {
            let Some(step) = journey.steps.get(usize::from(instance.step)) else {
                return self.end(&instance, None, What::Completed);
            };
            let number = instance.step;
            if steps >= STEPS_MAX {
                return self.end(&instance, Some(number), What::Exited { reason: Reason::LoopGuard });
            }
            steps += 1;
            match &step.action {
                CompiledAction::Send { .. } => {
                    let (class, priority) = (journey.class, journey.priority);
                    return Stop::AtSend(Ready { instance, steps, class, priority });
                }
                CompiledAction::Goto(to) => instance.go_to(*to),
                CompiledAction::Wait(duration) => {
                    // From the instant at which it was due, so that a late entry waits from its event's own.
                    instance.due = instance.due + *duration;
                    instance.wanted = instance.due;
                    instance.step += 1;
                    if instance.due > self.cx.now {
                        let what = What::Waiting { until: instance.due };
                        self.log.note(instance.journey, &instance.key, Some(number), what);
                        self.known.add(instance);
                        return Stop::Here;
                    }
                    // The wait is over already: what follows belongs to another instant.
                    if *duration > Duration::ZERO {
                        steps = 0;
                    }
                }
                CompiledAction::Branch(arms) => {
                    let evaluation = self.cx.evaluation(self.user);
                    match arms.iter().find(|(condition, _)| evaluation.condition(*condition)) {
                        Some((_, to)) => {
                            instance.go_to(*to);
                            let what = What::Branched { to: journey.label(*to) };
                            self.log.note(instance.journey, &instance.key, Some(number), what);
                        }
                        None => instance.step += 1,
                    }
                }
            }
        }
    }

    fn end(&mut self, instance: &Instance, step: Option<u16>, what: What) -> Stop {
        self.log.note(instance.journey, &instance.key, step, what);
        // Over at the instant of its last step: what began it may have been late, and what comes next too.
        let exit = (instance.due, true);
        self.past.exit(self.user, instance.journey, &instance.key, exit, self.cx.now, self.plan);
        Stop::Here
    }

    /// Puts a send through the gate. Gives the instance back where it goes on at once.
    pub(super) fn send(&mut self, ready: Ready) -> Option<(Instance, usize)> {
        let Ready { mut instance, steps, .. } = ready;
        let journey = &self.plan.journeys[usize::from(instance.journey)];
        let number = instance.step;
        let step = journey.steps.get(usize::from(number))?;
        let CompiledAction::Send { channel, template, expires } = &step.action else { return None };
        let Context { store, now, render, .. } = *self.cx;
        let profile = store.get(self.user);
        let class = journey.class;
        let permit = self.plan.permits.check(store, self.user, (class, channel), now);
        let (refused, wanted, expires) = (permit.err(), instance.wanted, *expires);
        let candidate = Candidate { class, channel, wanted, expires, refused };
        let verdict = judge(candidate, &self.known.sends, &self.plan.policy, store.zone(profile), now);
        let what = match verdict {
            Verdict::Defer(until) => {
                let what = What::Deferred { until, reason: Reason::QuietHours };
                self.log.note(instance.journey, &instance.key, Some(number), what);
                instance.due = until;
                self.known.add(instance);
                return None;
            }
            Verdict::Skip(reason) => What::Skipped { reason },
            Verdict::Pass => {
                let (key, event) = (instance.key.value(), instance.event.as_deref());
                match render(&RenderRequest { user: self.user, template, key, event }) {
                    Err(_) => What::Skipped { reason: Reason::Template },
                    Ok(content) => {
                        let id =
                            action_id(&journey.name, profile.bucketing_id(), &instance, &step.id, channel);
                        if self.plan.policy.is_counted(channel, journey.class) {
                            let (channel, class) = (channel.clone(), journey.class);
                            self.known.sends.push(caps::Send { at: now, id, channel, class });
                        }
                        let action = Action {
                            at: now,
                            id: format!("{id:032x}"),
                            user: profile.name.clone(),
                            journey: journey.name.clone(),
                            step: step.id.clone(),
                            channel: channel.clone(),
                            content,
                            key: key.cloned(),
                            template: template.clone(),
                            attempt: 0,
                        };
                        // A grant may come to its end while the action waits.
                        let expires = expires.map(|expires| wanted + expires);
                        let kept = self.plan.outbox_max.map(|max| now + max);
                        let expires = expires.into_iter().chain(permit.ok().flatten()).chain(kept).min();
                        let origin = Origin { journey: instance.journey, step: number };
                        self.outbox.put(id, self.user, origin, expires, action);
                        What::Sent { channel: channel.clone() }
                    }
                }
            }
        };
        self.log.note(instance.journey, &instance.key, Some(number), what);
        instance.wanted = instance.due;
        instance.step += 1;
        Some((instance, steps))
    }
}

/// The same after any replay. An instance that comes back to a step sends another action, so its round counts; the
/// first time round there is none in it.
fn action_id(journey: &str, user: &str, instance: &Instance, step: &str, channel: &str) -> u128 {
    let (key, entry, round) =
        (instance.key.stable_text(), instance.entry.to_le_bytes(), instance.round.to_le_bytes());
    let parts: [&[u8]; 7] = [
        journey.as_bytes(),
        user.as_bytes(),
        key.as_bytes(),
        &entry,
        step.as_bytes(),
        channel.as_bytes(),
        &round,
    ];
    stable_hash(if instance.round == 0 { &parts[..6] } else { &parts })
}

// Classes in the order in which they go: what the user expects comes first.
const _: () = assert!((Class::Marketing as u8) < Class::Service as u8);
const _: () = assert!((Class::Service as u8) < Class::Transactional as u8);
