//! Caps: at most so many with the same value of an attribute.

use crate::recommend::ItemId;
use crate::recommend::rerank::{Because, Facts};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cap {
    pub(super) attribute: Arc<str>,
    pub(super) max: usize,
}

/// How many are shown of each value, by cap.
#[derive(Debug)]
pub(super) struct Counts<'a> {
    caps: &'a [Cap],
    /// Cap, value and count: few, because only what is shown counts.
    shown: Vec<(usize, Box<str>, usize)>,
}

impl<'a> Counts<'a> {
    pub(super) fn new(caps: &'a [Cap]) -> Counts<'a> {
        Counts { caps, shown: Vec::new() }
    }

    /// The first cap that one more of an item's kind would exceed.
    pub(super) fn refusal(&self, item: ItemId, facts: &dyn Facts) -> Option<Because> {
        self.caps.iter().enumerate().find_map(|(number, Cap { attribute, max })| {
            let mut full = None;
            facts.attribute(item, attribute, &mut |value| {
                let count = self.shown.iter().find(|(cap, shown, _)| *cap == number && **shown == *value);
                if full.is_none() && count.is_some_and(|(_, _, count)| count >= max) {
                    full = Some(Because::Capped { attribute: Arc::clone(attribute), value: value.into() });
                }
            });
            full
        })
    }

    /// Counts an item that is shown, a value that it has twice once.
    pub(super) fn count(&mut self, item: ItemId, facts: &dyn Facts) {
        for (number, Cap { attribute, .. }) in self.caps.iter().enumerate() {
            let mut values: Vec<Box<str>> = Vec::new();
            facts.attribute(item, attribute, &mut |value| {
                if values.iter().all(|known| **known != *value) {
                    values.push(value.into());
                }
            });
            for value in values {
                match self.shown.iter_mut().find(|(cap, shown, _)| *cap == number && *shown == value) {
                    Some((_, _, count)) => *count += 1,
                    None => self.shown.push((number, value, 1)),
                }
            }
        }
    }
}
