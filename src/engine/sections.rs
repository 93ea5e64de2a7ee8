//! The state of a partition beside its profiles and memberships, as bytes: in sections what is about no user, and
//! user by user what can leave memory.
//!
//! | what | where |
//! | --- | --- |
//! | clock and counters, receipts, who is suppressed or restricted, segments' statistics, facts for everyone, since when what is kept | [`Section::Base`] |
//! | counts of journeys, the outbox without its actions | [`Section::Journeys`] |
//! | items, co-visitation, popularity, how difficult items are | [`Section::Models`] |
//! | what is known of items | [`Section::Catalogue`] |
//! | ids of messages | chunks of [`SeenMessages`](crate::engine::seen::SeenMessages) |
//! | actions in the outbox, and answers | user by user, also of those who are not in memory |
//! | instances, sends, entries and exits, the last session, how able the user is | [`BesideProfile`], user by user |
//!
//! Nothing else differs from a fresh partition under the same definitions: kinds, properties, totals and segments have
//! the numbers of these, whatever they took the place of. Only texts have numbers by what came before, so they are
//! written as texts.
//!
//! Deliberately absent: versions and lengths, which whoever writes the sections puts around them; profiles,
//! memberships and sets of members; hints in the wheel, which follow from the users.

use crate::engine::models_bytes::OfUser;
use crate::engine::partition::NEVER;
use crate::engine::receipt::Receipts;
use crate::engine::suppressions::Salt;
use crate::engine::{Partition, Refusal};
use crate::journey::JourneysOfUser;
use crate::model::{Bytes, Instant, Malformed, Pieces, Record, record_choice};
use crate::profile::{UserKey, read_since, write_since};
use crate::segment::SegmentStats;
use std::sync::Arc;

/// A part of the state that is about no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Base,
    Journeys,
    Models,
    Catalogue,
}

impl Section {
    /// In the order in which they have to be read.
    pub(crate) const ALL: [Section; 4] =
        [Section::Base, Section::Journeys, Section::Models, Section::Catalogue];
}

/// What is known of a user beside profile and memberships, apart from actions in the outbox.
#[derive(Debug, Default)]
pub(crate) struct BesideProfile {
    journeys: JourneysOfUser,
    learned: OfUser,
}

record_choice! {
    Refusal { 0 => NoConsent, 1 => Restricted }
}

impl Partition {
    /// What is to be written of a section. What can be large is shared, but for the catalogue, whose texts may change: it is
    /// written at once here, and chunk by chunk by a checkpoint.
    pub(crate) fn write_section_later(&self, section: Section, pieces: &mut Pieces) {
        match section {
            Section::Base => {
                pieces.push_now(|out| {
                    (self.clock, self.sequence, self.parts_dropped, self.loops_cut).write(out);
                    self.salt.0.write(out);
                });
                self.receipts.write_later(pieces);
                pieces.push_now(|out| self.write_base(out));
            }
            Section::Journeys => pieces.push_now(|out| self.journeys.write_section(out)),
            Section::Models => self.models.write_section_later(pieces),
            Section::Catalogue => pieces.push_now(|out| {
                let mut rows = self.catalogue.write(out);
                while rows.write_next(&self.store.symbols, out) {}
            }),
        }
    }

    /// Reads a section into a fresh partition under the same definitions.
    ///
    /// # Errors
    /// Bytes that were not written so, or under other definitions. The partition is of no use then.
    pub(crate) fn read_section(&mut self, section: Section, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        match section {
            Section::Base => self.read_base(from),
            Section::Journeys => self.journeys.read_section(from),
            Section::Models => self.models.read_section(from),
            Section::Catalogue => {
                let items = self.models.items().len();
                self.catalogue.read(from, items, &mut self.store.symbols)?;
                self.describe_items();
                Ok(())
            }
        }
    }

    fn write_base(&self, out: &mut Vec<u8>) {
        self.suppressions.write(out);
        self.stats.len().write(out);
        self.stats.iter().for_each(|SegmentStats { entries, exits }| (*entries, *exits).write(out));
        let mut restricted: Vec<u32> = self.restricted.iter().map(|user| user.0).collect();
        restricted.sort_unstable();
        restricted.write(out);
        self.refused().write(out);
        self.store.write_section(out);
        let plan = &self.compiled.plan;
        write_since(&plan.keep, &plan.rules, out);
        let totals = &plan.totals_since;
        let later = totals.iter().enumerate().filter_map(|(number, since)| Some((number, (*since)?)));
        later.collect::<Vec<(usize, Instant)>>().write(out);
    }

    fn read_base(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        self.clock = from.read()?;
        self.sequence = from.counter("the number of inputs")?;
        self.parts_dropped = from.counter("a count of parts")?;
        self.loops_cut = from.counter("a count of loops")?;
        self.salt = Salt(from.read()?);
        self.receipts = Receipts::read(from)?;
        self.suppressions = from.read()?;
        let segments = self.stats.len();
        from.valid("statistics of segments", |len: &usize| *len == segments)?;
        for stats in &mut self.stats {
            stats.entries = from.counter("entries into a segment")?;
            let entries = stats.entries;
            // Nobody leaves who did not enter.
            stats.exits = from.valid("exits from a segment", |exits: &u64| *exits <= entries)?;
        }
        self.restricted = from.read::<Vec<u32>>()?.into_iter().map(UserKey).collect();
        self.refused = from.read::<Vec<(Refusal, u64)>>()?.into_iter().collect();
        self.store.read_section(from)?;
        let plan = &self.compiled.plan;
        let kept = read_since(from, &plan.keep, &plan.rules)?;
        let mut totals = vec![None; plan.totals.len()];
        for _ in 0..from.len("since when totals run")? {
            let (number, since): (usize, Instant) = from.read()?;
            let malformed = from.malformed("since when totals run");
            *totals.get_mut(number).ok_or(malformed)? = Some(since);
        }
        if kept.is_none() && totals.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut plan = plan.clone();
        if let Some((keep, rules)) = kept {
            (self.store.keep, self.store.rules) = (keep.clone(), rules.clone());
            (plan.keep, plan.rules) = (keep, rules);
        }
        plan.totals_since = totals;
        self.compiled = Arc::new(self.compiled.with(plan));
        Ok(())
    }

    /// Takes out what is known of a user beside profile and memberships. As long as it is away nothing may look at the
    /// user, and definitions may not change: what is written speaks the numbers of those that hold.
    pub(crate) fn take_beside(&mut self, user: UserKey) -> BesideProfile {
        BesideProfile { journeys: self.journeys.take_user(user), learned: self.models.take_user(user) }
    }

    /// Puts in what was taken out or read. The user's row has to be there.
    pub(crate) fn put_beside(&mut self, user: UserKey, state: BesideProfile) {
        self.journeys.put_user(user, state.journeys, self.clock);
        self.models.put_user(user, state.learned);
        self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
    }

    /// Writes what [`take_beside`](Partition::take_beside) takes out.
    pub(crate) fn write_beside(&self, user: UserKey, out: &mut Vec<u8>) {
        self.journeys.write_user(user, out);
        self.models.write_user(user, out);
    }

    /// Reads what was written of a user, behind the sections.
    ///
    /// # Errors
    /// Bytes that were not written so, or under other definitions.
    pub(crate) fn read_beside(&self, from: &mut Bytes<'_>) -> Result<BesideProfile, Malformed> {
        Ok(BesideProfile { journeys: self.journeys.read_user(from)?, learned: self.models.read_user(from)? })
    }

    /// About how many bytes leave memory with what is known of a user beside profile and memberships.
    pub(crate) fn beside_bytes(&self, user: UserKey) -> usize {
        self.journeys.heap_bytes(user) + self.models.heap_bytes(user)
    }
}
