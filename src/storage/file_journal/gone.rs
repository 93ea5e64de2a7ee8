use super::file;
use crate::storage::{Disk, Error};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Files that were dropped, and are still on the disk. To remove a large one takes milliseconds, which is for a thread that
/// nobody waits for.
///
/// Should the process end before, they are found again as files that nobody needs, and dropped with the next checkpoint.
#[derive(Debug)]
pub(crate) struct Gone {
    disk: Arc<dyn Disk>,
    /// In order.
    numbers: Mutex<VecDeque<u32>>,
    /// Held by whoever removes one: the oldest first, so that none is missing between others. Taken before `numbers`.
    removing: Mutex<()>,
}

impl Gone {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Gone {
        Gone { disk, numbers: Mutex::default(), removing: Mutex::default() }
    }

    pub(super) fn add(&self, number: u32) {
        self.numbers.lock().push_back(number);
    }

    /// Removes a file, if any is left; gives whether none is.
    ///
    /// # Errors
    /// Whatever the disk says; it is tried again the next time.
    pub(crate) fn remove_one(&self) -> Result<bool, Error> {
        // Whoever comes meanwhile leaves it to the one who is at it.
        let Some(_removing) = self.removing.try_lock() else { return Ok(true) };
        let Some(number) = self.numbers.lock().front().copied() else { return Ok(true) };
        let name = file::name(number);
        match self.disk.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", self.disk.describe(&name), error))
            }
            _ => {
                let mut numbers = self.numbers.lock();
                numbers.pop_front();
                Ok(numbers.is_empty())
            }
        }
    }

    /// Removes all of them.
    ///
    /// # Errors
    /// Whatever the disk says; what is left is tried again the next time.
    pub(crate) fn clean(&self) -> Result<(), Error> {
        while !self.remove_one()? {}
        Ok(())
    }
}
