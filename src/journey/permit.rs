//! Whether a user may be sent something at all: an address, and consent.

use crate::journey::Reason;
use crate::model::Instant;
use crate::profile::{ProfileStore, UserKey};
use crate::segment::FactNames;
use std::collections::BTreeMap;

/// What a send asks of its user. Of a purpose or a channel that is not declared it asks nothing.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    /// What holds for each declared purpose where a user has said nothing.
    purposes: BTreeMap<Box<str>, bool>,
    /// The attribute that is a user's address, by channel.
    addresses: BTreeMap<Box<str>, Box<str>>,
}

impl Permits {
    pub(crate) fn of(names: &FactNames) -> Permits {
        Permits { purposes: names.purposes.clone(), addresses: names.channels.clone() }
    }

    /// The instant until which a user agrees to messages of a purpose by a channel, none for ever; or why they may not be
    /// sent. A look-up of each name.
    pub(crate) fn agreed(
        &self,
        store: &ProfileStore,
        user: UserKey,
        purpose: Option<&str>,
        channel: &str,
        now: Instant,
    ) -> Result<Option<Instant>, Reason> {
        let declared = |purpose| Some((purpose, *self.purposes.get(purpose)?));
        let Some((purpose, default)) = purpose.and_then(declared) else { return Ok(None) };
        let agreement = store.agreement(user, (purpose, Some(channel)), default, now);
        match (agreement.holds, agreement.by_channel) {
            (true, _) => Ok(agreement.until),
            (false, true) => Err(Reason::Unsubscribed),
            (false, false) => Err(Reason::NoConsent),
        }
    }

    /// Whether a user agrees to a purpose, whatever the channel; one of whom nothing is known does by default. To a purpose
    /// that is not declared everybody does.
    pub(crate) fn agrees(
        &self,
        store: &ProfileStore,
        user: Option<UserKey>,
        purpose: &str,
        now: Instant,
    ) -> bool {
        let Some(default) = self.purposes.get(purpose).copied() else { return true };
        user.map_or(default, |user| store.agreement(user, (purpose, None), default, now).holds)
    }

    /// Whether a user has an address in a channel, as far as channels have addresses.
    pub(crate) fn is_reachable(&self, store: &ProfileStore, user: UserKey, channel: &str) -> bool {
        let Some(address) = self.addresses.get(channel) else { return true };
        let address = store.symbols.get(address);
        address.is_some_and(|address| !store.fact(user, address).is_missing())
    }
}
