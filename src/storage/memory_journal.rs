use crate::storage::{Error, Group, Groups, Held, Journal, Level};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A journal in memory: for tests, and as the shortest example of one. Clones are the same journal.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Engine;
/// use bespoke::model::{Instant, Message};
/// use bespoke::storage::{Journal, MemoryDisk, MemoryJournal};
///
/// let definitions = Definitions::from_toml("version = 1\n[events.view]\n[segments]\nkeen = 'did(view)'")?;
/// let (disk, journal) = (MemoryDisk::new(), MemoryJournal::new());
/// let open = || Engine::builder(definitions.clone()).disk(disk.clone()).journal(journal.clone()).open();
///
/// let engine = open()?;
/// engine.ingest(Message::track("ada", "view"), Instant::from_millis(0))?;
/// assert_eq!(journal.held()?.inputs, 0..1);
///
/// drop(engine);
/// let engine = open()?;
/// assert_eq!(engine.opened().replayed, 1);
/// assert!(engine.is_member("ada", "keen"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    groups: VecDeque<Arc<Group>>,
    /// Where it begins, also where nothing is left.
    start: u64,
    end: u64,
}

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> MemoryJournal {
        MemoryJournal::default()
    }
}

impl Journal for MemoryJournal {
    fn held(&self) -> Result<Held, Error> {
        let log = self.log.lock();
        let bytes = log.groups.iter().map(|group| group.payload.len() as u64).sum();
        Ok(Held::new(log.start..log.end, bytes))
    }

    fn append(&mut self, first: u64, count: u32, payload: &[u8], _: Level) -> Result<(), Error> {
        let mut log = self.log.lock();
        let end = first.checked_add(count.into()).filter(|end| *end > first && first >= log.end);
        let Some(end) = end else { return Err(out_of_order(self.name(), first, count, log.end)) };
        if first > log.end {
            // What was to be read from there on is lost.
            log.groups.clear();
            log.start = first;
        }
        log.groups.push_back(Arc::new(Group::new(first, count, payload.to_vec())));
        log.end = end;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn read(&self, from: u64) -> Result<Groups, Error> {
        let log = self.log.lock();
        if from < log.start {
            return Err(Error::dropped(self.name(), from, log.start));
        }
        let after = log.groups.partition_point(|group| group.end() <= from);
        let groups: Vec<Arc<Group>> = log.groups.iter().skip(after).cloned().collect();
        Ok(Box::new(groups.into_iter().map(|group| Ok((*group).clone()))))
    }

    fn drop_before(&mut self, input: u64) -> Result<(), Error> {
        let mut log = self.log.lock();
        while log.groups.front().is_some_and(|group| group.end() <= input) {
            log.groups.pop_front();
        }
        log.start = log.groups.front().map_or(log.end, |group| group.first);
        Ok(())
    }
}

/// A group that does not follow on those that are there.
pub(super) fn out_of_order(name: String, first: u64, count: u32, end: u64) -> Error {
    let message = format!(
        "a group of {count} inputs from {first} on was to follow on input {end}: it has to have at least one, and its \
         first may not be there already"
    );
    Error::io("append to", name, io::Error::new(io::ErrorKind::InvalidInput, message))
}
