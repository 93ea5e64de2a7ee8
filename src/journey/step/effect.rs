//! `set = { attribute = value }`, `emit = { event, properties }`: what a journey does to its user. The engine applies it
//! once everybody's steps up to there are done, at the same instant; what comes behind sees it.

use crate::journey::What;
use crate::journey::instance::Instance;
use crate::journey::run::Run;
use crate::model::{Object, Value};
use std::sync::Arc;

/// Something that the engine is to do to the user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    Set { name: Arc<str>, value: Value },
    Emit { event: Arc<str>, properties: Object },
}

impl Run<'_, '_> {
    pub(in crate::journey) fn affect(&mut self, instance: &mut Instance, effects: &[Effect]) {
        for effect in effects {
            let what = match effect {
                Effect::Set { name, .. } => What::Set { name: name.clone() },
                Effect::Emit { event, .. } => What::Emitted { event: event.clone() },
            };
            self.note(instance, what);
        }
        self.effects.extend_from_slice(effects);
        instance.step += 1;
    }
}
