use std::collections::BTreeSet;

/// The names of attributes and properties whose values are shown only to whoever asks for this user's data: not when
/// something is debugged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hidden {
    pub(crate) attributes: BTreeSet<Box<str>>,
    /// With their dots.
    pub(crate) prefixes: BTreeSet<Box<str>>,
    /// Names below such a prefix that are declared to be something else.
    pub(crate) shown: BTreeSet<Box<str>>,
    /// Of any event.
    pub(crate) properties: BTreeSet<Box<str>>,
}

/// What stands for a value.
pub(crate) const MASK: &str = "‹hidden›";

impl Hidden {
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        let by_prefix = || self.prefixes.iter().any(|prefix| name.starts_with(&**prefix));
        self.attributes.contains(name)
            || !self.prefixes.is_empty() && !self.shown.contains(name) && by_prefix()
    }

    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.properties.contains(name)
    }
}
