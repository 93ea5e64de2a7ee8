//! `wait_for = { any = [{ opened = "push1" }, { event = "view" }], timeout = "4h" }`
//!
//! A condition is met by what happens after the wait began and before it times out; what a message and its user are
//! already, meets it at once. Once met, it stays so.

use crate::journey::instance::{Instance, Stand};
use crate::journey::key::InstanceKey;
use crate::journey::outbox::Origin;
use crate::journey::plan::{CompiledAction, CompiledAwaited, CompiledWaitFor, JourneyNo};
use crate::journey::run::Run;
use crate::journey::runtime::Journeys;
use crate::journey::step::Next;
use crate::journey::{Delivery, What};
use crate::model::Instant;
use crate::profile::UserKey;

impl Run<'_, '_> {
    pub(in crate::journey) fn wait_for(&mut self, instance: &mut Instance, wait: &CompiledWaitFor) -> Next {
        instance.wanted = instance.due;
        instance.drop_choice();
        let until = instance.due + wait.timeout;
        let met = self.met_at_once(instance, wait);
        if wait.is_over(met) {
            self.go_on_met(instance, wait);
            return Next::Step;
        }
        if until <= self.cx.now {
            (instance.due, instance.burst) = (until, 0);
            self.go_on_timed_out(instance, wait);
            return Next::Step;
        }
        if met != 0 || instance.more.is_some() {
            instance.more().met = met;
        }
        self.note(instance, What::WaitingFor { until });
        instance.wait_until(until, Stand::WaitingFor);
        Next::Wait
    }

    /// Goes on behind a wait for which the time has come.
    pub(in crate::journey) fn wake_waiting_for(&mut self, instance: &mut Instance, wait: &CompiledWaitFor) {
        match instance.stand {
            Stand::Met => self.go_on_met(instance, wait),
            _ => self.go_on_timed_out(instance, wait),
        }
    }

    fn go_on_met(&mut self, instance: &mut Instance, wait: &CompiledWaitFor) {
        self.note(instance, What::Met { to: self.label(instance, wait.then) });
        instance.go_to(wait.then);
    }

    fn go_on_timed_out(&mut self, instance: &mut Instance, wait: &CompiledWaitFor) {
        self.note(instance, What::TimedOut { to: self.label(instance, wait.otherwise) });
        instance.go_to(wait.otherwise);
    }

    /// The conditions that are met when the wait begins, a bit for each.
    fn met_at_once(&self, instance: &Instance, wait: &CompiledWaitFor) -> u16 {
        let is_met = |awaited: &CompiledAwaited| match awaited {
            CompiledAwaited::Event => false,
            CompiledAwaited::Segment { segment, is_in } => {
                segment.is_some_and(|segment| self.cx.is_member(segment, &instance.key) == *is_in)
            }
            CompiledAwaited::Answer { delivery, step } => instance.said(*step) & 1 << *delivery as u8 != 0,
        };
        wait.conditions.iter().rev().fold(0, |met, awaited| met << 1 | u16::from(is_met(awaited)))
    }
}

/// That something happened that a step waits for.
pub(in crate::journey) struct Occurrence<'a> {
    pub(in crate::journey) journey: JourneyNo,
    pub(in crate::journey) step: u16,
    pub(in crate::journey) condition: u8,
    /// None for instances of any key.
    pub(in crate::journey) key: Option<&'a InstanceKey>,
    pub(in crate::journey) at: Instant,
}

impl Journeys {
    /// Whether any instance of a user waits on a step for something.
    pub(in crate::journey) fn awaits(&self, user: UserKey, journey: JourneyNo, step: u16) -> bool {
        let waits = |instance: &Instance| {
            instance.journey == journey && instance.step == step && instance.stand == Stand::WaitingFor
        };
        self.users.get(&user).is_some_and(|known| known.instances.iter().any(waits))
    }

    /// Notes what happened for the instances that wait for it: those go on at its own instant.
    pub(in crate::journey) fn meet(&mut self, user: UserKey, occurrence: &Occurrence<'_>) {
        let Occurrence { journey, step, condition, key, at } = *occurrence;
        let Journeys { plan, users, .. } = self;
        let Some(CompiledAction::WaitFor(wait)) = plan.action(journey, step) else { return };
        for instance in users.get_mut(&user).into_iter().flat_map(|known| &mut known.instances) {
            if (instance.journey, instance.step) == (journey, step) && instance.key.matches(key) {
                instance.meet(wait, 1 << condition, at);
            }
        }
    }

    /// Notes what the host says of the message of an instance. Whether one goes on because of it; to be followed by
    /// [`on_time`](Journeys::on_time) then.
    pub(crate) fn on_answer(
        &mut self,
        user: UserKey,
        origin: &Origin,
        delivery: Delivery,
        now: Instant,
    ) -> bool {
        let Journeys { plan, users, .. } = self;
        let bit = 1 << delivery as u8;
        let sender = plan.step(origin.journey, origin.step);
        if sender.is_none_or(|sender| sender.awaited & bit == 0) {
            return false;
        }
        let is_sender = |instance: &&mut Instance| {
            instance.journey == origin.journey && instance.entry == origin.entry && instance.key == origin.key
        };
        let known = users.get_mut(&user);
        let instance = known.and_then(|known| known.instances.iter_mut().find(is_sender));
        let Some(instance) = instance else { return false };
        if !instance.hear(origin, bit) {
            return false;
        }
        let Some(CompiledAction::WaitFor(wait)) = plan.action(instance.journey, instance.step) else {
            return false;
        };
        let is_this = |awaited: &CompiledAwaited| matches!(awaited, CompiledAwaited::Answer { delivery: of, step } if (*of, *step) == (delivery, origin.step));
        let met = wait.conditions.iter().rev().fold(0, |met, of| met << 1 | u16::from(is_this(of)));
        instance.meet(wait, met, now);
        instance.due <= now
    }
}

impl Instance {
    /// What the host said of the message of a step, a bit for each kind of delivery.
    fn said(&self, step: u16) -> u8 {
        let said = self.more.iter().flat_map(|more| &more.said).find(|said| said.step == step);
        said.map_or(0, |said| said.bits)
    }

    /// Notes what the host says of a message, if it is the latest of its step.
    fn hear(&mut self, origin: &Origin, bits: u8) -> bool {
        let said = self.more.iter_mut().flat_map(|more| &mut more.said);
        let found = said.into_iter().find(|said| (said.step, said.round) == (origin.step, origin.round));
        found.map(|said| said.bits |= bits).is_some()
    }

    /// Notes what happened at an instant, while it waits; it goes on then once that is enough.
    fn meet(&mut self, wait: &CompiledWaitFor, conditions: u16, at: Instant) {
        let waits = self.stand == Stand::WaitingFor && self.wanted <= at && at < self.due;
        if !waits || conditions == 0 {
            return;
        }
        let met = self.more.as_ref().map_or(0, |more| more.met) | conditions;
        if wait.is_over(met) {
            (self.due, self.stand) = (at, Stand::Met);
        } else {
            self.more().met = met;
        }
    }
}
