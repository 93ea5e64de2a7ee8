//! A checkpoint in steps, between the inputs of a store.

use crate::engine::durable::{Step, Writer};
use crate::engine::{Error, Partition};
use crate::model::Record;
use crate::storage::save_root;
use parking_lot::RwLock;

/// Index pages that are captured while writers wait: some tenths of a millisecond.
const PAGES_AT_ONCE: usize = 4;

impl Writer {
    /// Goes on with the checkpoint that is being taken, so that it is done before the next one is due.
    pub(super) fn go_on(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        if partition.read().is_taking_checkpoint() {
            let mut held = partition.write();
            if held.capture_share() {
                drop(held);
                self.end(partition)?;
            }
            return Ok(());
        }
        let held = partition.read();
        let lets_go = self.kept.is_due(held.settings.journal_max, held.clock());
        let is_due = self.written_bytes >= self.checkpoint_bytes || held.erases() || lets_go;
        drop(held);
        if is_due { self.begin(partition) } else { Ok(()) }
    }

    /// Takes a whole checkpoint: what was erased is gone for good when it is there.
    pub(super) fn checkpoint_at_once(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        // One that is being taken began before.
        if partition.read().is_taking_checkpoint() {
            self.end(partition)?;
        }
        self.begin(partition)?;
        self.end(partition)
    }

    pub(super) fn step(&mut self, partition: &RwLock<Partition>, step: Step) -> Result<bool, Error> {
        let is_on = partition.read().is_taking_checkpoint();
        match step {
            Step::Begin if is_on => Ok(false),
            Step::Begin => self.begin(partition).map(|()| true),
            Step::Capture => Ok(!is_on || partition.write().capture_some(PAGES_AT_ONCE)),
            Step::End if is_on => self.end(partition).map(|()| true),
            // Somebody else ended it, or gave it up.
            Step::End => Ok(self.ended_well),
            Step::Fence => Ok(true),
            Step::Sync => {
                self.flush()?;
                self.vault.sync()?;
                self.journal.sync()?;
                Ok(true)
            }
        }
    }

    pub(super) fn begin(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        // Where the folder was made anew, what is in memory is not all that a store needs.
        self.vault.check_there()?;
        self.heap.check_there()?;
        self.flush()?;
        // Groups that are sure to be there need keys that are: a new file makes sure of those before it.
        self.vault.sync()?;
        self.journal.divide()?;
        self.written_bytes = 0;
        Ok(partition.write().begin_checkpoint(self.next)?)
    }

    /// Makes what was captured the state to begin from, and captures what is left of it: between two steps another
    /// checkpoint may have taken the place of the one that was begun. The heap first, then the root that names what is in it, then what
    /// it names no more.
    pub(super) fn end(&mut self, partition: &RwLock<Partition>) -> Result<(), Error> {
        partition.write().capture_some(usize::MAX);
        let (age, clock) = {
            let held = partition.read();
            (held.settings.journal_max, held.clock())
        };
        let mut stays_from = 0;
        let ended = (|| {
            // The root says how much of the heap is sure to be there.
            self.heap.sync()?;
            // And what stays is not to have holes, nor a journal of the host to end before the checkpoint does.
            if age.is_some() || self.kept.is_of_host {
                self.journal.sync()?;
            }
            let mut root = partition.write().root()?;
            stays_from = self.kept.let_go(age, clock, root.next_input);
            root.kept = self.kept.clone();
            self.vault.save()?;
            self.vault.sync()?;
            let mut bytes = Vec::new();
            root.write(&mut bytes);
            save_root(&*self.disk, &bytes)?;
            Ok(root)
        })();
        self.ended_well = ended.is_ok();
        match ended {
            Ok(root) => {
                partition.write().end_checkpoint(&root.erased);
                self.vault.erase(&root.erased)?;
                self.journal.drop_before(stays_from.min(self.readers.first()))?;
                self.journal_size.set(&*self.journal)?;
                for file in root.unnamed(&self.heap) {
                    self.heap.remove(file)?;
                }
                Ok(())
            }
            Err(error) => {
                partition.write().give_up_checkpoint();
                Err(error)
            }
        }
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
        };
        let disk = Arc::new(disk.clone());
        let (partition, durable, _) = open(&definitions.unwrap(), disk, None, options, None).unwrap();
        (RwLock::new(partition), durable)
    }

    fn state(partition: &RwLock<Partition>) -> Vec<u8> {
        let mut held = partition.write();
        held.bring_everybody().unwrap();
        held.checkpoint().unwrap()
    }

    /// Whoever ends a checkpoint may meet another one, of which nothing is captured yet.
    #[test]
    fn a_checkpoint_that_is_ended_early_is_whole() {
        let disk = MemoryDisk::new();
        let (partition, durable) = opened(&disk);
        durable.checkpoint(&partition).unwrap();
        let view = |user: u32| Message::track(format!("user-{user}"), "view");
        let ingest = |users: std::ops::Range<u32>| {
            let messages = Cow::Owned(users.map(view).collect());
            durable.submit(&partition, Job::Messages(messages, Instant::from_millis(0)));
        };
        let step = |step| match durable.submit(&partition, Job::Checkpoint(step)) {
            Answer::Step(done) => done.unwrap(),
            _ => unreachable!(),
        };
        ingest(0..300);
        assert!(step(Step::Begin));
        ingest(250..400);
        assert!(step(Step::End));
        let expected = state(&partition);
        drop((partition, durable));
        assert!(state(&opened(&disk).0) == expected);
    }
}
