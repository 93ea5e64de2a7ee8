//! `set = { attribute = value }`, `emit = { event, properties }`: what a journey does to its user. The engine applies it
//! once everybody's steps up to there are done, at the same instant; what comes behind sees it.

use crate::journey::instance::Instance;
use crate::journey::key::InstanceKey;
use crate::journey::plan::{CompiledEffect, JourneyNo};
use crate::journey::run::Run;
use crate::journey::{Reason, What};
use crate::model::{Object, Value};
use std::sync::Arc;

/// Something that the engine is to do to the user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    Set {
        name: Arc<str>,
        value: Value,
    },
    Emit {
        event: Arc<str>,
        properties: Object,
    },
    /// Record that the user was exposed to an arm of an experiment, unless that is known.
    Expose {
        experiment: Arc<str>,
        arm: Arc<str>,
    },
}

/// What a step wants done, and which step of whom.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(in crate::journey) journey: JourneyNo,
    pub(in crate::journey) key: InstanceKey,
    pub(in crate::journey) step: u16,
    pub(crate) effect: Effect,
}

impl Run<'_, '_> {
    /// Has something done to the user once the journeys of this instant have stopped.
    pub(in crate::journey) fn want(&mut self, instance: &Instance, effect: Effect) {
        let Instance { journey, ref key, step, .. } = *instance;
        self.effects.push(Wanted { journey, key: key.clone(), step, effect });
    }

    /// What cannot be made for the user is not done, and a note says so. Attributes of one step are made before any is set.
    pub(in crate::journey) fn affect(&mut self, instance: &mut Instance, effect: &CompiledEffect) {
        let made = match effect {
            CompiledEffect::Set(values) => self.filled(instance, values),
            CompiledEffect::Emit { properties, .. } => self.filled(instance, properties),
        };
        match (effect, made) {
            (_, Err(_)) => self.note(instance, What::NotDone { reason: Reason::Template }),
            (CompiledEffect::Set(_), Ok(values)) => {
                for (name, value) in values.iter() {
                    let (name, value): (Arc<str>, _) = (name.into(), value.clone());
                    self.note(instance, What::Set { name: name.clone() });
                    self.want(instance, Effect::Set { name, value });
                }
            }
            (CompiledEffect::Emit { event, .. }, Ok(properties)) => {
                self.note(instance, What::Emitted { event: event.clone() });
                self.want(instance, Effect::Emit { event: event.clone(), properties });
            }
        }
        instance.step += 1;
    }
}
