use crate::segment::{Kind, Schema};
use std::collections::{BTreeMap, BTreeSet};

/// The names of the facts that expressions may ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct FactNames {
    pub(crate) lists: BTreeSet<Box<str>>,
    /// Purposes of consent, each with whether it is granted where the user has said nothing.
    pub(crate) purposes: BTreeMap<Box<str>, bool>,
    /// Channels, each with the attribute that is a user's address.
    pub(crate) channels: BTreeMap<Box<str>, Box<str>>,
    pub(crate) world: BTreeMap<Box<str>, Kind>,
    pub(crate) journeys: BTreeSet<Box<str>>,
    pub(crate) placements: BTreeSet<Box<str>>,
}

impl Schema {
    /// Declares a list that users are put on, for `list("vip-2026")`.
    pub fn list(&mut self, name: &str) -> &mut Schema {
        self.facts.lists.insert(name.into());
        self
    }

    /// Declares a purpose of consent, and whether it is granted where a user has said nothing.
    pub fn purpose(&mut self, name: &str, granted: bool) -> &mut Schema {
        self.facts.purposes.insert(name.into(), granted);
        self
    }

    /// Declares a channel, and the attribute that is a user's address in it.
    pub fn channel(&mut self, name: &str, address: &str) -> &mut Schema {
        self.facts.channels.insert(name.into(), address.into());
        self
    }

    /// Declares a fact for everyone, which expressions know as `world.NAME`.
    pub fn world(&mut self, name: &str, kind: Kind) -> &mut Schema {
        self.facts.world.insert(name.into(), kind);
        self
    }

    /// Declares a journey, for `in_journey("cart")`.
    pub fn journey(&mut self, name: &str) -> &mut Schema {
        self.facts.journeys.insert(name.into());
        self
    }

    /// Declares a placement, for `variant("hero")`.
    pub fn placement(&mut self, name: &str) -> &mut Schema {
        self.facts.placements.insert(name.into());
        self
    }
}
