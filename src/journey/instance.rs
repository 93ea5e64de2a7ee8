use crate::journey::Class;
use crate::journey::compile::JourneyNo;
use crate::model::{Instant, Object, Value};
use serde::Serialize;
use std::sync::Arc;

/// One run of a journey for a user, and for a key where it has one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Instance {
    pub(crate) journey: JourneyNo,
    /// The step that comes next.
    pub(crate) step: u16,
    /// How often the user has entered with this key.
    pub(crate) entry: u32,
    pub(crate) entered: Instant,
    /// When the next step runs.
    pub(crate) due: Instant,
    /// When a send that is deferred was due at first.
    pub(crate) wanted: Option<Instant>,
    pub(crate) key: Value,
    /// The event that began it, for templates.
    pub(crate) event: Option<Box<Object>>,
}

/// All that journeys know of one user. Users whom none concerns have none of this.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct UserJourneys {
    pub(crate) instances: Vec<Instance>,
    /// The last exit by journey and key, for re-entry.
    pub(crate) exits: Vec<Exit>,
    /// What caps count.
    pub(crate) sends: Vec<Send>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exit {
    pub(crate) journey: JourneyNo,
    pub(crate) key: Value,
    pub(crate) at: Instant,
    /// How often the user had entered by then.
    pub(crate) entries: u32,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Send {
    pub(crate) at: Instant,
    pub(crate) id: u128,
    pub(crate) channel: Arc<str>,
    #[serde(skip)]
    pub(crate) class: Class,
}

impl UserJourneys {
    pub(crate) fn find(&self, journey: JourneyNo, key: &Value) -> Option<usize> {
        self.instances.iter().position(|instance| instance.journey == journey && instance.key == *key)
    }

    pub(crate) fn last_exit(&self, journey: JourneyNo, key: &Value) -> Option<&Exit> {
        self.exits.iter().find(|exit| exit.journey == journey && exit.key == *key)
    }

    /// Adds an instance. Most users are in one journey, so room is made for one at a time.
    pub(crate) fn add(&mut self, instance: Instance) {
        self.instances.reserve_exact(1);
        self.instances.push(instance);
    }

    /// Gives back room that is not used.
    pub(crate) fn shrink(&mut self) {
        self.instances.shrink_to_fit();
        self.sends.shrink_to_fit();
    }

    /// Notes that an instance ended.
    pub(crate) fn note_exit(&mut self, instance: &Instance, at: Instant) {
        let known = self.exits.iter_mut().find(|e| e.journey == instance.journey && e.key == instance.key);
        match known {
            Some(exit) => (exit.at, exit.entries) = (exit.at.max(at), instance.entry),
            None => {
                let (journey, key, entries) = (instance.journey, instance.key.clone(), instance.entry);
                self.exits.reserve_exact(1);
                self.exits.push(Exit { journey, key, at, entries });
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.instances.iter().map(|instance| instance.due).min()
    }

    /// Takes over what is known of the same user under another name. Gives the instances that the merge ends: of two
    /// of the same journey and key the earlier one goes on.
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
        for theirs in other.exits {
            match self.exits.iter_mut().find(|own| own.journey == theirs.journey && own.key == theirs.key) {
                Some(own) => (own.at, own.entries) = (own.at.max(theirs.at), own.entries.max(theirs.entries)),
                None => self.exits.push(theirs),
            }
        }
        self.sends.extend(other.sends);
        self.sends.sort_by_key(|send| send.at);
        ended
    }
}
