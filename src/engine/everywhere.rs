//! What is about all partitions: inputs that each of them takes, and counts that are those of all together.

use crate::definitions::Definitions;
use crate::engine::durable::Answer;
use crate::engine::input::Input;
use crate::engine::moving::Several;
use crate::engine::shard::Shard;
use crate::engine::shards::Shards;
use crate::engine::survey::Surveyor;
use crate::engine::{
    Acknowledgement, AuditEntry, Error, Health, Outcome, Partition, Receipt, Refusal, StoreHealth,
};
use crate::journey::{Action, Delivery, OutboxStats};
use crate::model::{Duration, Instant, Message};
use crate::profile::IdentityHealth;
use crate::segment::{Expression, SegmentStats};
use std::collections::BTreeMap;
use std::iter::Sum;

impl Shards {
    /// Gives the same input to every partition, in their order, while nobody moves.
    pub(super) fn everywhere(
        &self,
        several: &Several,
        give: impl Fn(&Shard, Instant) -> Result<Outcome, Error>,
        now: Instant,
    ) -> Result<Outcome, Error> {
        let _moving = self.stop_moves(several)?;
        self.all(several, give, now)
    }

    /// What happened in some partitions where another one refused is told with the next input that all take.
    fn all(
        &self,
        several: &Several,
        give: impl Fn(&Shard, Instant) -> Result<Outcome, Error>,
        now: Instant,
    ) -> Result<Outcome, Error> {
        let now = now.max(self.clock());
        let mut outcome = several.stray.lock().take().unwrap_or_default();
        for shard in &self.shards {
            match give(shard, now) {
                Ok(more) => add(&mut outcome, more),
                Err(error) => {
                    // What is about nobody is told when the input is given again.
                    outcome.audit.retain(|entry| entry.user.is_some());
                    let is_empty = outcome == Outcome { sequence: outcome.sequence, ..Outcome::default() };
                    *several.stray.lock() = (!is_empty).then_some(outcome);
                    return Err(error);
                }
            }
        }
        outcome.changes.sort_by(|a, b| (a.at, &a.user).cmp(&(b.at, &b.user)));
        outcome.notes.sort_by(|a, b| (a.at, &a.user).cmp(&(b.at, &b.user)));
        outcome.audit.sort_by_key(|entry| entry.at);
        Ok(outcome)
    }

    /// Moves the clock of all partitions.
    pub(super) fn advance(&self, now: Instant) -> Result<Outcome, Error> {
        let advance = |shard: &Shard, now| shard.outcome(now, Input::Advance);
        let Some(several) = &self.several else { return advance(self.first(), now) };
        // Where that fails it is tried again the next time.
        let _ = self.confirm_moves();
        self.all(several, advance, now)
    }

    /// Moves it as far as so many looks at users bring it, an equal share of them in each partition.
    pub(super) fn advance_some(&self, now: Instant, limit: usize) -> Result<Outcome, Error> {
        let limit = limit.div_ceil(self.shards.len());
        let advance = |shard: &Shard, now| shard.outcome(now, Input::AdvanceSome { limit });
        match &self.several {
            Some(several) => self.all(several, advance, now),
            None => advance(self.first(), now),
        }
    }

    pub(super) fn set_world(&self, now: Instant, input: &Input) -> Result<Outcome, Error> {
        let set = |shard: &Shard, now| shard.outcome(now, input.clone());
        match &self.several {
            Some(several) => self.everywhere(several, set, now),
            None => set(self.first(), now),
        }
    }

    /// Goes on under other definitions, in all partitions. Whoever is on the way arrives before.
    pub(super) fn redefine(&self, definitions: &Definitions, now: Instant) -> Result<Outcome, Error> {
        definitions.compiled().fingerprints();
        let Some(several) = &self.several else { return self.first().redefine(definitions, None, now) };
        let moving = &mut *self.stop_moves(several)?;
        self.confirm(moving)?;
        // All keep the same, so that whoever is moved finds it.
        let pinned = self.versions_kept(definitions, now)?;
        let redefine = |shard: &Shard, now| shard.redefine(definitions, Some(pinned.clone()), now);
        let redefined = self.all(several, redefine, now);
        moving.uneven = match &redefined {
            Err(Error::Storage(error)) => {
                Some(error.but("until `redefine` is called again, nobody is moved to another partition"))
            }
            _ => None,
        };
        redefined
    }

    /// Erases a user, and sees to it that nothing is left of it anywhere.
    pub(super) fn forget(
        &self,
        several: &Several,
        message: &Message,
        now: Instant,
    ) -> Result<Outcome, Error> {
        message.check()?;
        let moving = &mut *self.stop_moves(several)?;
        self.confirm(moving)?;
        let place = self.place_to_forget(several, message);
        self.tell_seen(message, place, now)?;
        let outcome = self.of(place).ingest(message, now)?;
        let of = outcome.receipt.as_ref().map(Receipt::subject).unwrap_or_default();
        let hashes: Vec<u128> = outcome.receipt.iter().flat_map(Receipt::hashes).collect();
        let suppress = match message.body {
            crate::model::Body::Forget { suppress } => suppress,
            _ => return Ok(outcome),
        };
        for (number, shard) in self.numbered() {
            let is_told =
                number != place && shard.read(|partition| partition.hears_of_forgotten(&hashes, suppress));
            let told = if is_told {
                shard.outcome(now, Input::Forgotten { of, hashes: hashes.clone(), suppress }).map(drop)
            } else {
                Ok(())
            };
            told.and_then(|()| match shard.read(|own| own.erases() || own.has_parted()) {
                true => shard.checkpoint(),
                false => Ok(()),
            })
            .map_err(|error| match error {
                Error::Storage(error) => error
                    .but("the user is forgotten; ask again, so that nothing is left in other partitions")
                    .into(),
                error => error,
            })?;
        }
        Ok(outcome)
    }

    /// Hands out actions of all partitions, those first that were put in first. Who was moved lately is behind those who
    /// were there.
    pub(super) fn outbox(&self, limit: usize, lease: Duration, now: Instant) -> Result<Vec<Action>, Error> {
        let ready = |partition: &Partition| {
            let now = now.max(partition.clock());
            match partition.journeys.has_ready(now) {
                true => Some(partition.journeys.first_ready(limit, now)),
                false => None,
            }
        };
        let waiting: Vec<Option<Vec<Instant>>> =
            self.shards.iter().map(|shard| if limit > 0 { shard.read(ready) } else { None }).collect();
        let mut first: Vec<(Instant, usize)> = Vec::new();
        for (partition, instants) in waiting.iter().enumerate() {
            // One that was moved does not stop those behind it.
            let mut latest = Instant::MIN;
            for at in instants.iter().flatten() {
                latest = latest.max(*at);
                first.push((latest, partition));
            }
        }
        first.sort_unstable();
        first.truncate(limit);
        let mut counts = vec![0; self.shards.len()];
        first.iter().for_each(|(_, partition)| counts[*partition] += 1);
        let mut actions: Vec<Action> = Vec::new();
        for (place, shard) in self.shards.iter().enumerate() {
            // What the partitions behind it are to hand out is theirs; whatever else there is room for is not.
            let behind: usize = counts[place + 1..].iter().sum();
            let limit = (limit - actions.len()).saturating_sub(behind);
            if limit == 0 || waiting[place].is_none() {
                continue;
            }
            match shard.submit(now, Input::Outbox { limit, lease }) {
                Ok(Answer::Actions(more)) => actions.extend(more),
                Ok(_) => unreachable!("every input has an answer of its own kind"),
                // What was handed out is told; the others wait.
                Err(error) if actions.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        actions.sort_by_key(|action| action.at);
        Ok(actions)
    }

    pub(super) fn acknowledge(
        &self,
        action: &str,
        delivery: Delivery,
        now: Instant,
    ) -> Result<Acknowledgement, Error> {
        let input = || Input::Acknowledge { action: action.into(), delivery };
        let owner = || {
            let has = |shard: &&Shard| shard.read(|partition| partition.journeys.owner(action).is_some());
            self.shards.iter().find(has)
        };
        let mut shard = self.first();
        if let Some(several) = &self.several {
            loop {
                let before = several.homes.moves();
                if let Some(owner) = owner() {
                    shard = owner;
                    break;
                }
                drop(self.stop_moves(several)?);
                if several.homes.moves() == before {
                    break;
                }
            }
        }
        match shard.submit(now, input())? {
            Answer::Acknowledged(answer) => Ok(answer),
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    /// Whether a user is in a segment; false where either is unknown.
    pub(super) fn is_member(&self, user: &str, segment: &str) -> bool {
        match &self.several {
            // Whoever cannot be read need not be: the sets of members are in memory.
            Some(several) => self
                .locate(several, user)
                .is_ok_and(|place| self.of(place).read(|partition| partition.is_member(user, segment))),
            None => self.first().read(|partition| partition.is_member(user, segment)),
        }
    }

    /// The latest clock of all.
    pub(super) fn clock(&self) -> Instant {
        self.shards.iter().map(|shard| shard.read(Partition::clock)).max().unwrap_or(Instant::MIN)
    }

    /// The earliest instant at which anything is due in any of them.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.shards.iter().filter_map(|shard| shard.read(Partition::next_due)).min()
    }

    /// A count of all partitions together.
    pub(super) fn sum<T: Sum>(&self, count: impl Fn(&Partition) -> T) -> T {
        self.shards.iter().map(|shard| shard.read(&count)).sum()
    }

    /// The same of counts that may fail.
    pub(super) fn try_sum(&self, count: impl Fn(&Partition) -> Result<u64, Error>) -> Result<u64, Error> {
        self.shards.iter().map(|shard| shard.read(&count)).sum()
    }

    pub(super) fn segment_stats(&self) -> Vec<(String, SegmentStats)> {
        let mut all: Vec<(String, SegmentStats)> = Vec::new();
        for shard in &self.shards {
            shard.read(|partition| {
                for (place, (name, stats)) in partition.segment_stats().enumerate() {
                    match all.get_mut(place) {
                        Some((_, sum)) => {
                            sum.entries += stats.entries;
                            sum.exits += stats.exits;
                        }
                        None => all.push((name.to_owned(), stats)),
                    }
                }
            });
        }
        all
    }

    pub(super) fn health(&self) -> Health {
        let mut health = self.first().health();
        for shard in &self.shards[1..] {
            let more = shard.health();
            add_identity(&mut health.identity, more.identity);
            if let (Some(store), Some(more)) = (&mut health.store, more.store) {
                let StoreHealth { heap_live, heap_dead, resident, journal, journal_from } = more;
                store.heap_live += heap_live;
                store.heap_dead += heap_dead;
                store.resident += resident;
                store.journal += journal;
                store.journal_from = store.journal_from.min(journal_from);
            }
        }
        health
    }

    pub(super) fn journey_counts(&self) -> BTreeMap<(String, String), u64> {
        let mut all = BTreeMap::new();
        for (what, count) in self.shards.iter().flat_map(|shard| shard.read(Partition::journey_counts)) {
            *all.entry(what).or_default() += count;
        }
        all
    }

    pub(super) fn refused(&self) -> Vec<(Refusal, u64)> {
        let mut all = BTreeMap::new();
        for (why, count) in self.shards.iter().flat_map(|shard| shard.read(Partition::refused)) {
            *all.entry(why).or_default() += count;
        }
        all.into_iter().collect()
    }

    pub(super) fn outbox_stats(&self) -> OutboxStats {
        let mut all = OutboxStats::default();
        for stats in self.shards.iter().map(|shard| shard.read(Partition::outbox_stats)) {
            all.pending += stats.pending;
            all.leased += stats.leased;
            all.repeated += stats.repeated;
            all.unknown += stats.unknown;
        }
        all
    }

    /// Looks at a page of users, partition by partition.
    pub(super) fn read_page(
        &self,
        surveyor: &mut Surveyor,
        expression: &Expression,
        now: Instant,
    ) -> Result<(), Error> {
        self.shards[surveyor.partition].read_page(surveyor, expression, now)?;
        if self.several.is_some() {
            surveyor.set_total(self.sum(Partition::user_count));
            if surveyor.is_complete() && surveyor.partition + 1 < self.shards.len() {
                surveyor.next_partition();
            }
        }
        Ok(())
    }

    /// Receipts of all partitions in the order in which they were done.
    pub(super) fn receipts(&self, wanted: impl Fn(&Partition) -> Vec<Receipt>) -> Vec<Receipt> {
        let mut all: Vec<Receipt> = self.shards.iter().flat_map(|shard| shard.read(&wanted)).collect();
        all.sort_by_key(|receipt| receipt.done);
        all
    }

    /// The state of all partitions, each with its length before it.
    pub(super) fn state(&self) -> Result<Vec<u8>, Error> {
        if self.several.is_none() {
            return self.first().state();
        }
        let mut all = Vec::new();
        for shard in &self.shards {
            let state = shard.state()?;
            all.extend_from_slice(&(state.len() as u64).to_le_bytes());
            all.extend_from_slice(&state);
        }
        Ok(all)
    }
}

/// Adds what happened in another partition.
fn add(outcome: &mut Outcome, more: Outcome) {
    let Outcome { sequence, duplicate, refused, changes, notes, receipt, audit, more_due } = more;
    outcome.more_due |= more_due;
    outcome.sequence = outcome.sequence.max(sequence);
    outcome.duplicate |= duplicate;
    outcome.refused = outcome.refused.or(refused);
    outcome.changes.extend(changes);
    outcome.notes.extend(notes);
    outcome.receipt = outcome.receipt.take().or(receipt);
    // What is about nobody was done once.
    let is_known = |entry: &AuditEntry, known: &[AuditEntry]| {
        entry.user.is_none() && known.iter().any(|known| known.user.is_none() && known.action == entry.action)
    };
    for entry in audit {
        if !is_known(&entry, &outcome.audit) {
            outcome.audit.push(entry);
        }
    }
}

fn add_identity(sum: &mut IdentityHealth, more: IdentityHealth) {
    let IdentityHealth {
        absorbed,
        merged,
        split,
        switched,
        refused_ids,
        refused_absorptions,
        refused_owners,
        refused_strong,
        kept_apart,
    } = more;
    for (sum, more) in [
        (&mut sum.absorbed, absorbed),
        (&mut sum.merged, merged),
        (&mut sum.split, split),
        (&mut sum.switched, switched),
        (&mut sum.refused_ids, refused_ids),
        (&mut sum.refused_absorptions, refused_absorptions),
        (&mut sum.refused_owners, refused_owners),
        (&mut sum.refused_strong, refused_strong),
        (&mut sum.kept_apart, kept_apart),
    ] {
        *sum += more;
    }
}
