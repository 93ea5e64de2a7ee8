use crate::journey::caps::Send;
use crate::journey::compile::JourneyNo;
use crate::journey::key::InstanceKey;
use crate::model::{Duration, Instant, Object, record};
use serde::Serialize;

/// One run of a journey for a user, and for a key where it has one. At most 64 bytes; a key and an event are apart.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Instance {
    pub(crate) key: InstanceKey,
    /// The event that began it, for templates.
    pub(crate) event: Option<Box<Object>>,
    /// The instant of what began it.
    pub(crate) entered: Instant,
    /// When the next step runs.
    pub(crate) due: Instant,
    /// When the next step was due at first: earlier than `due` while quiet hours defer it.
    pub(crate) wanted: Instant,
    /// How often the user has entered the journey, this time included.
    pub(crate) entry: u32,
    /// How often it has gone back to an earlier step: with it, a step that sends again sends another action.
    pub(crate) round: u32,
    pub(crate) journey: JourneyNo,
    /// The step that comes next.
    pub(crate) step: u16,
}

record! { Instance { key, event, entered, due, wanted, entry, round, journey, step } }

impl Instance {
    /// One that begins at an instant.
    pub(crate) fn new(journey: JourneyNo, key: InstanceKey, entry: u32, at: Instant) -> Instance {
        Instance { key, event: None, entered: at, due: at, wanted: at, entry, round: 0, journey, step: 0 }
    }

    /// Goes on to a step.
    pub(crate) fn go_to(&mut self, step: u16) {
        self.round = self.round.saturating_add(u32::from(step <= self.step));
        self.step = step;
    }

    /// The order in which instances of one user run at one instant.
    pub(crate) fn order(&self) -> (Instant, JourneyNo, &InstanceKey, u32) {
        (self.due, self.journey, &self.key, self.entry)
    }
}

/// What journeys know of one user at this time. A user who is in none and whom no cap counts has none of this.
///
/// Invariant: there is at most one instance of a journey and key.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct UserJourneys {
    pub(crate) instances: Vec<Instance>,
    /// What caps count, by instant.
    pub(crate) sends: Vec<Send>,
}

impl UserJourneys {
    pub(crate) fn find(&self, journey: JourneyNo, key: &InstanceKey) -> Option<usize> {
        self.instances.iter().position(|instance| instance.journey == journey && instance.key == *key)
    }

    /// Adds an instance. Most users are in one journey, so room is made for one at a time.
    pub(crate) fn add(&mut self, instance: Instance) {
        self.instances.reserve_exact(1);
        self.instances.push(instance);
    }

    /// The earliest instant at which an instance goes on.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.instances.iter().map(|instance| instance.due).min()
    }

    /// Drops sends that no cap counts any more, and room that is not used; whether nothing is left.
    pub(crate) fn prune(&mut self, memory: Duration, now: Instant) -> bool {
        self.sends.retain(|send| now - send.at <= memory);
        self.instances.shrink_to_fit();
        self.sends.shrink_to_fit();
        self.instances.is_empty() && self.sends.is_empty()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let of_instance = |instance: &Instance| {
            let event = instance.event.as_ref().map_or(0, |event| size_of::<Object>() + event.heap_bytes());
            instance.key.heap_bytes() + event
        };
        self.instances.capacity() * size_of::<Instance>()
            + self.instances.iter().map(of_instance).sum::<usize>()
            + self.sends.capacity() * size_of::<Send>()
    }

    /// Takes over what is known of the same user under another name. Gives the instances that this ends: of two of
    /// one journey and key the earlier goes on.
    pub(crate) fn absorb(&mut self, other: UserJourneys) -> Vec<Instance> {
        let mut ended = Vec::new();
        for theirs in other.instances {
            match self.find(theirs.journey, &theirs.key) {
                Some(own) if theirs.entered < self.instances[own].entered => {
                    ended.push(std::mem::replace(&mut self.instances[own], theirs));
                }
                Some(_) => ended.push(theirs),
                None => self.instances.push(theirs),
            }
        }
        self.sends.extend(other.sends);
        self.sends.sort_by_key(|send| (send.at, send.id));
        // Profiles that were one before remember the same.
        self.sends.dedup_by_key(|send| send.id);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_instance_takes_at_most_64_bytes() {
        assert!(size_of::<Instance>() <= 64, "{}", size_of::<Instance>());
    }
}
