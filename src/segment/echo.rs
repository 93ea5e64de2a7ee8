//! What segments themselves do, told to the segments that ask for it at the same instant.

use crate::model::{Instant, Object, Value};
use crate::profile::{Applied, EventKind, Fact, Keep, ProfileStore, UserKey};
use crate::segment::Transition;
use crate::segment::maintain::{Look, Memberships};
use crate::segment::node::SlotId;
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::strata::Strata;
use std::collections::{BTreeMap, BTreeSet};

/// What the expressions of a plan ask of segments, journeys and the host beside attributes and events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Echoes {
    /// Whether anything asks for what segments do.
    pub(crate) is_on: bool,
    /// Segments whose stays are asked for.
    pub(crate) stays: BTreeMap<SegmentId, StayReads>,
    /// Journeys of which it is asked who is in them.
    pub(crate) journeys: BTreeMap<Box<str>, SlotId>,
    pub(crate) predictions: BTreeSet<Box<str>>,
    /// Slots that are the same for all users.
    pub(crate) world: BTreeSet<SlotId>,
    /// In which order segments are looked at.
    pub(crate) strata: Strata,
}

/// How the stay in a segment is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct StayReads {
    /// As a whole: of a keyed one, the longest.
    pub(crate) whole: bool,
    /// By key: what the names of the facts begin with.
    pub(crate) by_key: Option<Box<str>>,
}

/// What stands behind the name of a segment for the stay in a part. Texts and numbers never meet.
pub(crate) fn part_name(prefix: &str, key: &Value) -> Option<String> {
    Some(match key {
        Value::Int(n) => format!("{prefix}n{n}"),
        Value::Float(x) => format!("{prefix}n{x}"),
        Value::String(text) => format!("{prefix}t{text}"),
        _ => return None,
    })
}

const ENTERED: &str = "segment.entered";
const LEFT: &str = "segment.left";

/// Whether the events of segments are kept or told to anybody.
pub(crate) fn tells_of_segments(keep: &Keep) -> bool {
    [ENTERED, LEFT].iter().any(|event| keep.kind_of(event) != EventKind::OTHER)
}

impl Memberships {
    /// Writes down when the stays began that expressions ask for, as they have come to ask for them.
    pub(crate) fn write_stays(&self, plan: &Plan, store: &mut ProfileStore, user: UserKey, now: Instant) {
        if plan.echoes.stays.is_empty() {
            return;
        }
        let mut applied = Applied::default();
        for (segment, reads) in &plan.echoes.stays {
            let name = plan.name(*segment);
            if reads.whole {
                let since = self.since(plan, *segment).into();
                store.set_fact(user, &Fact::Entered(name).name(), &since, now, &mut applied);
            }
            let Some(prefix) = &reads.by_key else { continue };
            for (key, since) in self.stays_by_key(*segment) {
                if let Some(fact) = part_name(prefix, &store.symbols.value(key)) {
                    store.set_fact(user, &fact, &Value::Instant(since), now, &mut applied);
                }
            }
        }
        applied.clear(&mut store.symbols);
        store.drop_ended_facts(user);
    }
}

impl Look<'_> {
    /// Writes down what changed from a place on, where an expression asks for it: as events, and as facts. Gives
    /// whether there was anything.
    pub(crate) fn echo(&mut self, memberships: &Memberships, from: usize) -> bool {
        if self.changes.len() == from || !self.plan.echoes.is_on {
            return false;
        }
        let mut applied = Applied::default();
        self.store.begin(self.now, &mut applied);
        for place in from..self.changes.len() {
            let change = &self.changes[place];
            let (segment, key) = (change.id, change.key.clone());
            let (event, is_in) = match change.transition {
                Transition::Entered => (ENTERED, true),
                Transition::Left => (LEFT, false),
            };
            let name = self.plan.name(segment);
            if let Some(reads) = self.plan.echoes.stays.get(&segment) {
                let mut set = |fact: &str, value: Value| {
                    self.store.set_fact(self.user, fact, &value, self.now, &mut applied);
                };
                if reads.whole {
                    let since = memberships.since(self.plan, segment);
                    set(&Fact::Entered(name).name(), since.into());
                }
                let part = reads.by_key.as_deref().zip(key.as_ref());
                if let Some(fact) = part.and_then(|(prefix, key)| part_name(prefix, key)) {
                    set(&fact, is_in.then_some(self.now).into());
                }
            }
            if !self.plan.echoes.strata.is_silent(segment) && self.store.is_read(event) {
                let mut properties = Object::new();
                properties.set("name", name);
                if let Some(key) = key {
                    properties.set("key", key);
                }
                self.store.record(self.user, event, properties, self.now, &mut applied);
            }
        }
        let is_anything = !applied.events.is_empty() || !applied.attributes.is_empty();
        if is_anything {
            self.recorded.push(applied);
        }
        is_anything
    }
}
