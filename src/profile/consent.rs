//! What a user agrees to now, from the records that are kept.

use crate::model::{ConsentStatus, Instant, Message};
use crate::profile::attributes::Attribute;
use crate::profile::facts::{Fact, kept_consent, outranks};
use crate::profile::{Packed, ProfileStore, Symbols, UserKey, Whose};
use smallvec::SmallVec;

/// Whether a user agrees to a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) holds: bool,
    /// From when on time alone may make it another one.
    pub(crate) until: Option<Instant>,
    /// Whether the record for the channel says so, and not that for all of them or the default.
    pub(crate) by_channel: bool,
}

impl Agreement {
    /// The record for one channel goes before that for all of them, and without either the default holds. A record
    /// that has expired is none.
    pub(crate) fn of(
        (own, general): (Option<Packed>, Packed),
        default: bool,
        symbols: &Symbols,
        now: Instant,
    ) -> Agreement {
        let records = own.map(|own| (own, true)).into_iter().chain([(general, false)]);
        for (record, by_channel) in records {
            if let Some((status, until)) = kept_consent(record, symbols)
                && until.is_none_or(|until| until > now)
            {
                return Agreement { holds: status == ConsentStatus::Granted, until, by_channel };
            }
        }
        Agreement { holds: default, until: None, by_channel: false }
    }
}

impl ProfileStore {
    /// Whether a user agrees to a purpose, by a channel where one is given.
    pub(crate) fn agreement(
        &self,
        user: UserKey,
        (purpose, channel): (&str, Option<&str>),
        default: bool,
        now: Instant,
    ) -> Agreement {
        let record = |channel| self.consent_record(&[user], purpose, channel);
        let value = |record: Option<&Attribute>| record.map_or(Packed::MISSING, |record| record.value);
        let own = channel.map(|_| value(record(channel)));
        Agreement::of((own, value(record(None))), default, &self.symbols, now)
    }

    /// Whether those agree to a purpose who turn out to be one user by a message: as they will once merged.
    pub(crate) fn agreement_of(
        &self,
        users: &[UserKey],
        purpose: &str,
        default: bool,
        now: Instant,
    ) -> Agreement {
        let general = self.consent_record(users, purpose, None);
        let general = general.map_or(Packed::MISSING, |record| record.value);
        Agreement::of((None, general), default, &self.symbols, now)
    }

    /// The record that holds of those of some profiles.
    fn consent_record(&self, users: &[UserKey], purpose: &str, channel: Option<&str>) -> Option<&Attribute> {
        let name = self.symbols.get(&Fact::Consent(purpose, channel).name())?;
        let records = users.iter().filter_map(|user| self.get(*user).attributes.find(name));
        records.reduce(|a, b| if outranks(a, b, &self.symbols) { a } else { b })
    }

    /// The profiles whose records count for a message: none where it would make one, and more where it would merge them.
    /// Everybody whom it names has to be in memory.
    pub(crate) fn speakers(&self, message: &Message, at: Instant, now: Instant) -> SmallVec<[UserKey; 2]> {
        let mut speakers = SmallVec::new();
        if let Whose::Known(user) = self.whose(message, at, now) {
            speakers.push(user);
        }
        for user in self.holders(message) {
            // What belongs to another user makes no difference to the one who is named.
            let joins = !self.get(user).has_user_id
                && !self.is_kept_apart(user, now, |_, device| device.is_owned(now));
            if joins && !speakers.contains(&user) {
                speakers.push(user);
            }
        }
        speakers
    }

    /// Whether the processing of what is kept of a user is restricted.
    pub(crate) fn is_restricted(&self, user: UserKey) -> bool {
        let name = self.symbols.get(&Fact::Restricted.name());
        name.is_some_and(|name| !self.fact(user, name).is_missing())
    }
}
