//! Journeys of earlier definitions that users go on in who entered by them.

use crate::decision::Template;
use crate::definitions::Definitions;
use crate::definitions::check::{Compiled, compile};
use crate::experiment::Experiment;
use crate::journey::{Journey, StepAction};
use std::fmt;
use std::sync::Arc;

/// What definitions leave behind for the journeys that others keep of them.
pub(crate) struct Origin {
    pub(crate) text: Arc<str>,
    pub(crate) templates: Vec<Template>,
    pub(crate) experiments: Vec<Experiment>,
}

/// Shows how long the text is: there may be a key in it.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

/// A journey of earlier definitions.
#[derive(Debug, Clone)]
pub(crate) struct Pinned {
    pub(crate) journey: Journey,
    pub(crate) origin: Arc<Origin>,
}

impl Pinned {
    /// The journey of a name in definitions; nothing where there is none.
    pub(crate) fn of(definitions: &Definitions, name: &str) -> Option<Pinned> {
        let journey = definitions.journeys.iter().find(|journey| *journey.name == *name)?;
        Some(Pinned { journey: journey.clone(), origin: definitions.compiled().origin.clone() })
    }
}

impl Compiled {
    /// A journey of the plan, by its number, as later definitions can keep it.
    pub(crate) fn pinned(&self, number: u16) -> Option<Pinned> {
        let defined = self.journeys.defined();
        let number = usize::from(number);
        if let Some(place) = number.checked_sub(defined) {
            return self.pinned.get(place).cloned();
        }
        let journey = self.journeys.journeys.get(number)?.definition.clone();
        Some(Pinned { journey, origin: self.origin.clone() })
    }
}

impl Definitions {
    /// Compiles them together with journeys of earlier ones, and leaves out those that cannot be run under these: a
    /// segment, an event or an attribute that they read is gone. O(definitions).
    pub(crate) fn with_pinned(&self, mut pinned: Vec<Pinned>) -> Arc<Compiled> {
        while !pinned.is_empty() {
            let refused = match compile(self, &[], &pinned) {
                Ok(compiled) => return Arc::new(compiled),
                Err(refused) => refused.pinned,
            };
            // What is wrong with none of them is wrong with all of them together, such as their number.
            let is_none = refused.is_empty();
            let mut number = 0;
            pinned.retain(|_| {
                number += 1;
                !is_none && !refused.contains(&(number - 1))
            });
        }
        self.compiled().clone()
    }
}

/// What a journey of earlier definitions is called while it is compiled: no journey that is defined has such a name.
pub(super) fn alias(number: usize) -> String {
    format!("\0{number}")
}

/// The number of the journey that an alias, or the dotted path of an expression of it, is about.
pub(super) fn aliased(name: &str) -> Option<usize> {
    let (_, number) = name.split_once('\0')?;
    number.split('.').next()?.parse().ok()
}

/// The templates that journeys of earlier definitions send by and that are defined no longer, the newest of each name.
pub(super) fn lost_templates<'a>(known: &'a [Template], pinned: &'a [Pinned]) -> Vec<&'a Template> {
    let mut lost: Vec<&Template> = Vec::new();
    for Pinned { journey, origin } in pinned.iter().rev() {
        let sent = journey.steps.iter().filter_map(|step| match &step.action {
            StepAction::Send(send) => Some(&send.template),
            _ => None,
        });
        for name in sent {
            if known.iter().chain(lost.iter().copied()).all(|template| template.name != *name) {
                lost.extend(origin.templates.iter().find(|template| template.name == *name));
            }
        }
    }
    lost
}
