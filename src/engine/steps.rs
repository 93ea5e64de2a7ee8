//! A checkpoint in steps, between the inputs of a store.

use crate::engine::capture::DEAD_SHARE_MAX;
use crate::engine::durable::{Step, Writer};
use crate::engine::{Error, Partition};
use crate::storage;
use parking_lot::RwLock;

/// Bytes that are captured while writers wait: some tenths of a millisecond.
const CAPTURED_AT_ONCE: u64 = 32 << 10;
/// Bytes that are captured until they are made sure of, where that is a writer's work: so that no sync takes longer than a few
/// milliseconds.
const UNSURE_MAX: u64 = 512 << 10;
/// Share of the inputs between two checkpoints with which one is written that begins by itself.
const SHARE_OF_INPUTS: f64 = 0.25;

impl Writer {
    /// Goes on with the checkpoint that is being taken, so that it is done before the next one is due.
    pub(super) fn go_on(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        let is_due = self.written_bytes >= self.checkpoint_bytes || self.is_compaction_due;
        if partition.read().is_taking_checkpoint() {
            // Whoever takes it may have ended meanwhile.
            if self.is_taken_apart && !is_due {
                return Ok(());
            }
            let share = self.written_bytes as f64 / (self.checkpoint_bytes as f64 * SHARE_OF_INPUTS);
            if partition.write().capture_share(share) {
                self.end(partition)?;
            } else if self.heap.put_bytes() - self.heap.sure_bytes() > UNSURE_MAX {
                // Where it fails the end says so.
                let _ = self.heap.sync();
            }
            return Ok(());
        }
        // What is left is tried again with the next input.
        let _ = self.clean_some();
        let held = partition.read();
        let lets_go = self.kept.is_due(held.settings.journal_max, held.clock());
        let is_due = is_due || held.erases() || lets_go;
        drop(held);
        if is_due { self.begin(partition, true) } else { Ok(()) }
    }

    /// Takes a whole checkpoint: what was erased is gone for good when it is there. Others wait for it, so that nobody is
    /// moved who need not be: the next one does that, step by step.
    pub(super) fn checkpoint_at_once(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        // One that is being taken began before.
        if partition.read().is_taking_checkpoint() {
            self.end(partition)?;
        }
        self.begin(partition, false)?;
        self.end(partition)?;
        self.is_compaction_due = self.heap.is_to_compact(DEAD_SHARE_MAX);
        self.heap.clean()?;
        while !self.clean_some()? {}
        Ok(())
    }

    /// Removes a part of what is needed no more since the last checkpoint, because to remove large files takes long; gives
    /// whether nothing of it is left.
    pub(super) fn clean_some(&mut self) -> Result<bool, storage::Error> {
        match self.may_go {
            Some(input) => self.drop_some(input).map(|()| false),
            None => self.heap.clean_some(),
        }
    }

    /// Drops a part of the inputs before one, but for those that somebody still reads.
    fn drop_some(&mut self, input: u64) -> Result<(), storage::Error> {
        let is_done = self.journal.drop_some_before(input.min(self.readers.first()))?;
        self.may_go = Some(input).filter(|_| !is_done);
        self.journal_size.set(&*self.journal)
    }

    pub(super) fn step(&mut self, partition: &RwLock<Partition>, step: Step) -> Result<bool, Error> {
        let is_on = partition.read().is_taking_checkpoint();
        match step {
            Step::Begin if is_on => Ok(false),
            Step::Begin => {
                self.begin(partition, true)?;
                self.is_taken_apart = true;
                Ok(true)
            }
            Step::Capture => Ok(!is_on || partition.write().capture_some(CAPTURED_AT_ONCE)),
            Step::Root if is_on => self.make_root(partition).map(|()| true).map_err(Error::from),
            Step::End if is_on => self.end(partition).map(|()| true),
            // Somebody else ended it, or gave it up.
            Step::Root | Step::End => Ok(self.ended_well),
            Step::Clean => Ok(self.clean_some()?),
            Step::Fence => Ok(true),
            Step::Sync => {
                self.flush()?;
                self.vault.sync()?;
                self.journal.sync()?;
                Ok(true)
            }
        }
    }

    fn begin(&mut self, partition: &RwLock<Partition>, compacts: bool) -> Result<(), Error> {
        // Where the folder was made anew, what is in memory is not all that a store needs.
        self.vault.check_there()?;
        self.heap.check_there()?;
        self.flush()?;
        // Groups that are sure to be there need keys that are: a new file makes sure of those before it.
        self.vault.sync()?;
        self.journal.divide()?;
        self.written_bytes = 0;
        self.is_taken_apart = false;
        self.is_compaction_due = false;
        Ok(partition.write().begin_checkpoint(self.next, compacts)?)
    }

    /// Captures what is left, sees to it that all of it is sure to outlive the machine, and makes the root that names it.
    /// Between two steps another checkpoint may have taken the place of the one that was begun.
    fn make_root(&mut self, partition: &RwLock<Partition>) -> Result<(), storage::Error> {
        if partition.read().ending().is_some() {
            return Ok(());
        }
        let made = (|| {
            let mut held = partition.write();
            held.capture_some(u64::MAX);
            // What goes with it is what was too old as it began, however long it takes.
            let (age, clock) = (held.settings.journal_max, held.captured_at().unwrap_or(held.clock()));
            let to = held.captured_to();
            drop(held);
            if to.is_some_and(|end| self.heap.sure_bytes() < end) {
                self.heap.sync()?;
            }
            // What stays in the journal is not to have holes, nor a journal of the host to end before the checkpoint does.
            if age.is_some() || self.kept.is_of_host {
                self.journal.sync()?;
            }
            let keep = |next_input| {
                self.kept.let_go(age, clock, next_input);
                self.kept.clone()
            };
            partition.write().make_ending(keep)
        })();
        self.ended_well = made.is_ok();
        if made.is_err() {
            partition.write().give_up_checkpoint();
        }
        made
    }

    /// Makes what was captured the state to begin from: the heap first, then the root that names what is in it, then what
    /// it names no more.
    pub(super) fn end(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        self.make_root(partition)?;
        let Some(ending) = partition.read().ending() else { return Ok(()) };
        let saved = ending.save(&*self.disk, &self.vault);
        self.ended_well = saved.is_ok();
        if let Err(error) = saved {
            partition.write().give_up_checkpoint();
            return Err(error.into());
        }
        let root = &ending.root;
        partition.write().end_checkpoint(&root.erased);
        self.vault.erase(&root.erased)?;
        let stays_from = root.kept.stays_from(root.next_input);
        self.may_go = Some(stays_from);
        self.drop_some(stays_from)?;
        for file in root.unnamed(&self.heap) {
            self.heap.remove(file);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::definitions::Definitions;
    use crate::engine::Partition;
    use crate::engine::durable::{Answer, Durability, Durable, Job, Step};
    use crate::engine::open::{Options, open};
    use crate::model::{Instant, Message};
    use crate::storage::MemoryDisk;
    use parking_lot::RwLock;
    use std::borrow::Cow;
    use std::sync::Arc;

    fn opened(disk: &MemoryDisk) -> (RwLock<Partition>, Durable) {
        let definitions =
            Definitions::from_toml("version = 1\n[events.view]\n[segments]\nkeen = 'did(view in 7d)'");
        let options = Options {
            durability: Durability::Written,
            memory: 0,
            checkpoint_bytes: u64::MAX,
            accept_lost_tail: false,
            recommenders: Vec::new(),
        };
        let disk = Arc::new(disk.clone());
        let (partition, durable, _) = open(&definitions.unwrap(), disk, None, &options, None).unwrap();
        (RwLock::new(partition), durable)
    }

    fn state(partition: &RwLock<Partition>) -> Vec<u8> {
        let mut held = partition.write();
        held.bring_everybody().unwrap();
        held.checkpoint().unwrap()
    }

    /// Views of users, at the same instant.
    fn ingest(partition: &RwLock<Partition>, durable: &Durable, users: std::ops::Range<u32>) {
        let view = |user: u32| Message::track(format!("user-{user}"), "view");
        let messages = Cow::Owned(users.map(view).collect());
        durable.submit(partition, Job::Messages(messages, Instant::from_millis(0)));
    }

    fn step(partition: &RwLock<Partition>, durable: &Durable, step: Step) -> bool {
        match durable.submit(partition, Job::Checkpoint(step)) {
            Answer::Step(done) => done.unwrap(),
            _ => unreachable!(),
        }
    }

    /// Opened again it is in the same state.
    fn check(disk: &MemoryDisk, partition: RwLock<Partition>, durable: Durable) {
        let expected = state(&partition);
        drop((partition, durable));
        assert!(state(&opened(disk).0) == expected);
    }

    /// Whoever ends a checkpoint may meet another one, of which nothing is captured yet.
    #[test]
    fn a_checkpoint_that_is_ended_early_is_whole() {
        let disk = MemoryDisk::new();
        let (partition, durable) = opened(&disk);
        durable.checkpoint(&partition).unwrap();
        ingest(&partition, &durable, 0..300);
        assert!(step(&partition, &durable, Step::Begin));
        ingest(&partition, &durable, 250..400);
        assert!(step(&partition, &durable, Step::End));
        check(&disk, partition, durable);
    }

    /// While one thread saves the root others write, erase, and take checkpoints of their own.
    #[test]
    fn what_comes_between_the_root_and_the_end_is_kept() {
        for (forgets, takes_another) in [(false, false), (true, false), (false, true), (true, true)] {
            let disk = MemoryDisk::new();
            let (partition, durable) = opened(&disk);
            durable.checkpoint(&partition).unwrap();
            ingest(&partition, &durable, 0..300);
            assert!(step(&partition, &durable, Step::Begin));
            ingest(&partition, &durable, 60..70);
            while !step(&partition, &durable, Step::Capture) {}
            assert!(step(&partition, &durable, Step::Root));
            let ending = partition.read().ending().unwrap();
            ingest(&partition, &durable, 200..400);
            if forgets {
                let forget = Cow::Owned(vec![Message::forget("user-5")]);
                durable.submit(&partition, Job::Messages(forget, Instant::from_millis(0)));
            }
            if takes_another {
                durable.checkpoint(&partition).unwrap();
            }
            ending.save(&disk, &durable.vault).unwrap();
            assert!(step(&partition, &durable, Step::End));
            ingest(&partition, &durable, 0..20);
            check(&disk, partition, durable);
        }
    }
}
