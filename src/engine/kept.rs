//! Which inputs stay in the journal although a checkpoint has passed them, and who still reads it.

use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::storage::{Error, Journal};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many times finer than the time for which inputs are kept it is known when they came.
const MARKS_OF_AGE: i64 = 16;

/// Which inputs may leave the journal.
///
/// Invariant: numbers and instants of marks rise, and all inputs before the number of one came no later than its instant,
/// by the host's clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    marks: Vec<(u64, Instant)>,
    /// Inputs before it may go.
    until: u64,
    /// Whether the journal is one that the host brought.
    pub(super) is_of_host: bool,
}

/// Stores that were written before there was such a thing end where it begins.
impl Record for Kept {
    fn write(&self, out: &mut Vec<u8>) {
        self.marks.write(out);
        self.until.write(out);
        self.is_of_host.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Kept, Malformed> {
        if from.left() == 0 {
            return Ok(Kept::default());
        }
        Ok(Kept { marks: from.read()?, until: from.read()?, is_of_host: from.read()? })
    }
}

impl Kept {
    pub(super) fn new(is_of_host: bool) -> Kept {
        Kept { is_of_host, ..Kept::default() }
    }

    /// Notes that inputs from a number on come when the clock was at `before`, and move it to `now`. `age` is for how long
    /// inputs are kept. Gives whether they are to be apart from those before.
    pub(super) fn note(&mut self, age: Option<Duration>, input: u64, before: Instant, now: Instant) -> bool {
        let Some(age) = age else {
            self.marks.clear();
            return false;
        };
        let step = Duration::from_millis(age.as_millis() / MARKS_OF_AGE);
        match self.marks.last_mut() {
            Some((_, at)) if now < *at + step => return false,
            Some((number, at)) if before <= *at => *number = input,
            None if before == Instant::MIN => return false,
            _ => self.marks.push((input, before)),
        }
        true
    }

    /// Whether there are inputs that are kept no longer, so that a checkpoint is due which lets them go.
    pub(super) fn is_due(&self, age: Option<Duration>, clock: Instant) -> bool {
        age.zip(self.marks.first()).is_some_and(|(age, (_, at))| *at + age <= clock)
    }

    /// Says which inputs go once there is a checkpoint of all before `checkpoint`.
    pub(super) fn let_go(&mut self, age: Option<Duration>, clock: Instant, checkpoint: u64) {
        let over = match age {
            Some(age) => self.marks.partition_point(|(_, at)| *at + age <= clock),
            None => self.marks.len(),
        };
        let known = self.marks.drain(..over).next_back().map_or(0, |(number, _)| number);
        self.until = self.until.max(if age.is_some() { known } else { checkpoint });
    }

    /// The first input that has to stay beside a checkpoint of all before `checkpoint`.
    pub(super) fn stays_from(&self, checkpoint: u64) -> u64 {
        self.until.min(checkpoint)
    }
}

/// Who reads the journal, and from which input on: what they still need stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    places: BTreeMap<u64, u64>,
}

impl Readers {
    pub(super) fn begin(&self, input: u64) -> Reader {
        let mut places = self.0.lock();
        let number = places.next;
        places.next += 1;
        places.places.insert(number, input);
        Reader { readers: self.clone(), number }
    }

    /// The first input that somebody still needs; the largest number where nobody reads.
    pub(super) fn first(&self) -> u64 {
        self.0.lock().places.values().min().copied().unwrap_or(u64::MAX)
    }
}

/// The place of somebody who reads, for as long as it is there.
#[derive(Debug)]
pub(super) struct Reader {
    readers: Readers,
    number: u64,
}

impl Reader {
    pub(super) fn move_to(&self, input: u64) {
        self.readers.0.lock().places.insert(self.number, input);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.readers.0.lock().places.remove(&self.number);
    }
}

/// What the journal takes, for whoever asks while somebody writes to it.
#[derive(Debug, Default)]
pub(super) struct JournalSize {
    first: AtomicU64,
    bytes: AtomicU64,
}

impl JournalSize {
    /// Takes over what a journal says, where it can say something.
    pub(super) fn set(&self, journal: &dyn Journal) -> Result<(), Error> {
        let held = journal.held()?;
        self.first.store(held.inputs.start, Ordering::Relaxed);
        self.bytes.store(held.bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The number of the first input, and how many bytes there are.
    pub(super) fn get(&self) -> (u64, u64) {
        (self.first.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_428_000_000;

    fn at(hours: i64) -> Instant {
        Instant::from_millis(START) + Duration::hours(hours)
    }

    /// Notes single inputs, each with the hour at which it came, and asks from which on they stay at an hour.
    fn first_that_stays(hours: &[i64], age: i64, asked: i64) -> u64 {
        let age = Some(Duration::hours(age));
        let mut kept = Kept::default();
        let mut clock = Instant::MIN;
        for (number, hour) in (0..).zip(hours) {
            kept.note(age, number, clock, at(*hour));
            clock = at(*hour);
        }
        let is_due = kept.is_due(age, at(asked));
        let checkpoint = hours.len() as u64;
        kept.let_go(age, at(asked), checkpoint);
        let first = kept.stays_from(checkpoint);
        assert_eq!(is_due, first > 0);
        assert!(!kept.is_due(age, at(asked)), "once is enough");
        kept.let_go(age, at(asked), checkpoint);
        assert_eq!(kept.stays_from(checkpoint), first, "and changes nothing twice");
        first
    }

    #[test]
    fn what_is_older_goes_and_what_is_younger_stays() {
        for (hours, asked, first) in [
            (&[0, 1, 2, 3, 40][..], 40, 0),
            (&[0, 1, 2, 3, 40], 47, 0),
            // The last three are of one step, as the next one came much later.
            (&[0, 1, 2, 3, 40], 51, 4),
            (&[0, 10, 20, 30, 40], 48, 1),
            (&[0, 10, 20, 30, 40], 67, 2),
            (&[0, 10, 20, 30, 40], 68, 3),
            (&[0, 10, 20, 30, 40], 78, 4),
            // Nobody knows yet that no more come at that hour.
            (&[0, 10, 20, 30, 40], 500, 4),
            (&[0, 0, 0, 30], 48, 3),
            (&[], 500, 0),
        ] {
            assert_eq!(first_that_stays(hours, 48, asked), first, "{hours:?} at {asked}");
        }
    }

    #[test]
    fn nothing_stays_that_need_not() {
        let mut kept = Kept::default();
        (0..9).for_each(|hour| assert!(!kept.note(None, hour, at(hour as i64), at(hour as i64 + 1))));
        assert!(!kept.is_due(None, at(999)));
        kept.let_go(None, at(9), 7);
        assert_eq!(kept.stays_from(7), 7);
        // What went is gone, whatever is asked for from then on.
        kept.let_go(Some(Duration::hours(1)), at(9), 9);
        assert_eq!(kept.stays_from(9), 7);
    }

    #[test]
    fn there_are_few_marks() {
        let mut kept = Kept::default();
        let age = Some(Duration::days(30));
        for minute in 0..100_000 {
            let at = |minute| Instant::from_millis(START) + Duration::minutes(minute);
            kept.note(age, minute as u64, at(minute - 1), at(minute));
            if kept.is_due(age, at(minute)) {
                kept.let_go(age, at(minute), u64::MAX);
                let first = kept.stays_from(u64::MAX);
                let gone = Duration::minutes(minute - first as i64 + 1);
                assert!(gone >= Duration::days(30) && gone <= Duration::days(33), "{gone}");
            }
            assert!(kept.marks.len() <= 18, "{}", kept.marks.len());
        }
    }

    #[test]
    fn a_record_is_read_back_and_an_older_one_is_empty() {
        let mut kept = Kept::new(true);
        for day in 0..3 {
            kept.note(Some(Duration::days(9)), day, at(24 * day as i64), at(24 * day as i64));
        }
        let mut bytes = Vec::new();
        kept.write(&mut bytes);
        assert_eq!(Kept::read(&mut Bytes::new(&bytes)), Ok(kept));
        assert_eq!(Kept::read(&mut Bytes::new(&[])), Ok(Kept::default()));
    }

    #[test]
    fn whoever_reads_holds_a_place_until_it_is_gone() {
        let readers = Readers::default();
        let (one, other) = (readers.begin(5), readers.begin(9));
        assert_eq!(readers.first(), 5);
        one.move_to(11);
        assert_eq!(readers.first(), 9);
        drop(other);
        assert_eq!(readers.first(), 11);
        drop(one);
        assert_eq!(readers.first(), u64::MAX);
    }
}
