use std::collections::{BTreeMap, BTreeSet};

/// The names of attributes and properties whose values are shown only to whoever asks for this user's data: not when
/// something is debugged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hidden {
    pub(crate) attributes: BTreeSet<Box<str>>,
    /// Groups with their dots, and whether what is in one is hidden, unless a longer one says otherwise.
    pub(crate) prefixes: BTreeMap<Box<str>, bool>,
    /// Names below such a prefix that are declared to be something else.
    pub(crate) shown: BTreeSet<Box<str>>,
    /// Of any event.
    pub(crate) properties: BTreeSet<Box<str>>,
}

/// What stands for a value.
pub(crate) const MASK: &str = "‹hidden›";

impl Hidden {
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        let group = || self.prefixes.iter().rev().find(|(prefix, _)| name.starts_with(&***prefix));
        let by_prefix = || group().is_some_and(|(_, is_hidden)| *is_hidden);
        self.attributes.contains(name) || !self.shown.contains(name) && by_prefix()
    }

    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.properties.contains(name)
    }
}
