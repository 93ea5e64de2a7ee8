//! Whether a user may be sent something at all: an address, and consent.

use crate::journey::{Class, Reason};
use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use crate::segment::FactNames;
use std::collections::BTreeMap;

/// The purpose of messages of the class `marketing`.
const MARKETING: &str = "marketing";

/// What a send asks of its user. Of a purpose or a channel that is not declared it asks nothing.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    /// What holds for `marketing` where a user has said nothing.
    marketing: Option<bool>,
    /// The attribute that is a user's address, by channel.
    addresses: BTreeMap<Box<str>, Box<str>>,
}

impl Permits {
    pub(crate) fn of(names: &FactNames) -> Permits {
        let marketing = names.purposes.get(MARKETING).copied();
        Permits { marketing, addresses: names.channels.clone() }
    }

    /// The instant until which a user agrees to messages of a class by a channel, none for ever; or why they may not be
    /// sent. A look-up of each name.
    pub(crate) fn agreed(
        &self,
        store: &ProfileStore,
        user: UserKey,
        class: Class,
        channel: &str,
        now: Instant,
    ) -> Result<Option<Instant>, Reason> {
        let Some(default) = self.marketing.filter(|_| class == Class::Marketing) else { return Ok(None) };
        let agreement = store.agreement(user, (MARKETING, Some(channel)), default, now);
        match (agreement.holds, agreement.by_channel) {
            (true, _) => Ok(agreement.until),
            (false, true) => Err(Reason::Unsubscribed),
            (false, false) => Err(Reason::NoConsent),
        }
    }

    /// Whether a user has an address in a channel, as far as channels have addresses.
    pub(crate) fn is_reachable(&self, store: &ProfileStore, user: UserKey, channel: &str) -> bool {
        let Some(address) = self.addresses.get(channel) else { return true };
        let address = store.symbols.get(address);
        address.is_some_and(|address| !store.fact(user, address).is_missing())
    }
}
