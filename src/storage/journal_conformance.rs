use crate::storage::{Error, ErrorKind, Group, Journal, Level};
use std::fmt;

/// A [`Journal`] breaks its contract: which rule, and where it was seen.
///
/// ```
/// use bespoke::storage::{MemoryJournal, journal_conformance};
/// let forgetful = || Ok(MemoryJournal::new()); // opened again it is a new one
/// let violation = journal_conformance(forgetful).unwrap_err();
/// assert_eq!(violation.rule(), "it holds what was appended and not dropped, and after an error what it held before");
/// println!("{violation}"); // the rule, and what was seen
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {seen}")]
pub struct JournalViolation {
    rule: &'static str,
    seen: String,
}

impl JournalViolation {
    /// The rule, as a sentence that does not hold.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// As it prints, since a test shows it this way.
impl fmt::Debug for JournalViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const OPENS: &str = "it can be opened again, once the cause of an error is gone";
const GOES_ON: &str = "what failed can be asked again, once its cause is gone";
const HOLDS: &str = "it holds what was appended and not dropped, and after an error what it held before";
const READS: &str = "it gives the groups from an input on, whole, in order, and no others";
const BESIDE: &str = "whoever reads gets what was there as they asked";
const ORDER: &str = "a group without inputs, or with one that is there already, is refused";
const DROPPED: &str = "what is not there any more is an error of kind `Dropped`";
const DROPS: &str = "it drops only groups of which all inputs are before one";

/// How often something is tried that fails.
const TRIES: usize = 4;
/// Bytes of the groups, in turn.
const SIZES: [usize; 7] = [0, 1, 24, 300, 4_096, 9_000, 13];

/// Appends, reads, drops and opens anew, some dozens of times, and checks the contract of [`Journal`].
///
/// `open` opens the journal, which is empty at first, and each later time the same one as after the end of the process.
/// Where calls fail with errors of kind [`Io`](crate::storage::ErrorKind::Io), it is checked that nothing has changed, and
/// they are tried again: so a host that can make its log fail gives one that does, now and then. What the journal has after
/// a power cut is not checked. Meant for a host's tests:
///
/// ```
/// use bespoke::storage::{MemoryJournal, journal_conformance};
/// let journal = MemoryJournal::new();
/// journal_conformance(|| Ok(journal.clone()))?;
/// # Ok::<(), bespoke::storage::JournalViolation>(())
/// ```
///
/// # Errors
/// The first [`JournalViolation`] that was seen.
pub fn journal_conformance<J: Journal>(
    mut open: impl FnMut() -> Result<J, Error>,
) -> Result<(), JournalViolation> {
    let mut check = Check { journal: opened(&mut open)?, groups: Vec::new(), needed: 0, start: 0 };
    check.verify()?;
    for round in 0..4 {
        for (number, size) in SIZES.into_iter().enumerate() {
            let level = if (number + round) % 3 == 0 { Level::Synced } else { Level::Written };
            check.append(check.end(), 1 + number as u32 % 3, size, level)?;
            if number == 3 {
                check.refuses()?;
                check.reads_beside(round)?;
            }
            if number == 4 || number == 6 {
                check.attempt(|journal| journal.divide())?;
                check.verify()?;
            }
        }
        if round % 2 == 1 {
            check.attempt(|journal| journal.sync())?;
            check.drop_before(check.groups[check.groups.len() - 9].first + 1)?;
        }
        let Check { journal, groups, needed, start } = check;
        // As the end of the process does, before another one begins.
        drop(journal);
        check = Check { journal: opened(&mut open)?, groups, needed, start };
        check.verify()?;
    }
    // The machine has lost the end, and a checkpoint has more.
    check.needed = check.end() + 5;
    check.append(check.needed, 2, 40, Level::Written)?;
    check.append(check.end(), 1, 40, Level::Written)?;
    check.drop_before(u64::MAX)?;
    drop(check.journal);
    check = Check { journal: opened(&mut open)?, ..check };
    check.verify()
}

fn opened<J>(open: &mut impl FnMut() -> Result<J, Error>) -> Result<J, JournalViolation> {
    let mut last = None;
    for _ in 0..TRIES {
        match open() {
            Ok(journal) => return Ok(journal),
            Err(error) => last = Some(error),
        }
    }
    Err(JournalViolation { rule: OPENS, seen: last.map(|error| error.to_string()).unwrap_or_default() })
}

/// A journal, and what should be in it.
struct Check<J> {
    journal: J,
    /// All groups that were appended.
    groups: Vec<Group>,
    /// Groups with inputs from here on are still needed.
    needed: u64,
    /// Where it began when that was asked last.
    start: u64,
}

impl<J: Journal> Check<J> {
    fn end(&self) -> u64 {
        self.groups.last().map_or(0, Group::end)
    }

    /// Does something that changes nothing but what it says, until it works.
    fn attempt<T>(&mut self, mut ask: impl FnMut(&mut J) -> Result<T, Error>) -> Result<T, JournalViolation> {
        let mut seen = String::new();
        for _ in 0..TRIES {
            match ask(&mut self.journal) {
                Ok(answer) => return Ok(answer),
                Err(error) if error.kind() == ErrorKind::Io => seen = error.to_string(),
                Err(error) => return Err(JournalViolation { rule: READS, seen: error.to_string() }),
            }
        }
        Err(JournalViolation { rule: GOES_ON, seen })
    }

    fn append(&mut self, first: u64, count: u32, len: usize, level: Level) -> Result<(), JournalViolation> {
        let payload: Vec<u8> = (0..len).map(|byte| (byte as u64 * 31 + first * 7) as u8).collect();
        let mut seen = String::new();
        for _ in 0..TRIES {
            match self.journal.append(first, count, &payload, level) {
                Ok(()) => {
                    self.groups.push(Group::new(first, count, payload));
                    return self.verify();
                }
                Err(error) => {
                    seen = error.to_string();
                    if first == self.end() {
                        self.verify()?;
                    }
                }
            }
        }
        Err(JournalViolation { rule: GOES_ON, seen })
    }

    fn refuses(&mut self) -> Result<(), JournalViolation> {
        for (first, count) in [(self.end(), 0), (self.end() - 1, 1), (0, 1), (u64::MAX, 1)] {
            if self.journal.append(first, count, b"out of order", Level::Written).is_ok() {
                let seen = format!("{count} inputs from {first} on were taken behind {}", self.end());
                return Err(JournalViolation { rule: ORDER, seen });
            }
            self.verify()?;
        }
        Ok(())
    }

    /// Begins to read, appends, and reads on.
    fn reads_beside(&mut self, round: usize) -> Result<(), JournalViolation> {
        let from = self.needed;
        let mut reading = self.attempt(|journal| journal.read(from))?;
        let wanted = self.from(from);
        let mut read: Vec<Group> = reading.next().transpose().map_err(unreadable)?.into_iter().collect();
        self.append(self.end(), 2, SIZES[round], Level::Written)?;
        self.attempt(|journal| journal.divide())?;
        self.append(self.end(), 1, SIZES[round + 1], Level::Written)?;
        for group in reading {
            read.push(group.map_err(unreadable)?);
        }
        ensure(read == wanted, BESIDE, || differ(&read, &wanted))
    }

    fn drop_before(&mut self, input: u64) -> Result<(), JournalViolation> {
        self.needed = self.needed.max(input.min(self.end()));
        self.attempt(|journal| journal.drop_before(input))?;
        self.verify()
    }

    /// The groups that have inputs from one on.
    fn from(&self, from: u64) -> Vec<Group> {
        self.groups.iter().filter(|group| group.end() > from).cloned().collect()
    }

    fn verify(&mut self) -> Result<(), JournalViolation> {
        let held = self.attempt(|journal| journal.held())?.inputs;
        let end = self.end();
        ensure(held.end == end, HOLDS, || format!("it ends with input {} and not {end}", held.end))?;
        let most = self.from(self.needed).first().map_or(end, |group| group.first);
        let is_begun = (self.start..=most).contains(&held.start);
        ensure(is_begun, DROPS, || format!("it begins with {}, not in {}..={most}", held.start, self.start))?;
        self.start = held.start;
        let middle = held.start + (end - held.start) / 2;
        for from in [held.start, middle, end.saturating_sub(1).max(held.start), end] {
            let wanted = self.from(from);
            let read = self.attempt(|journal| journal.read(from)?.collect::<Result<Vec<_>, _>>())?;
            ensure(read == wanted, READS, || format!("from {from} on, {}", differ(&read, &wanted)))?;
        }
        if held.start > 0 {
            let gone = self.journal.read(held.start - 1).err().map(|error| error.kind());
            let is_told = matches!(gone, Some(ErrorKind::Dropped | ErrorKind::Io));
            ensure(is_told, DROPPED, || format!("input {} gives {gone:?}", held.start - 1))?;
        }
        Ok(())
    }
}

fn unreadable(error: Error) -> JournalViolation {
    JournalViolation { rule: BESIDE, seen: error.to_string() }
}

fn ensure(holds: bool, rule: &'static str, seen: impl FnOnce() -> String) -> Result<(), JournalViolation> {
    if holds { Ok(()) } else { Err(JournalViolation { rule, seen: seen() }) }
}

/// Where two lists of groups differ.
fn differ(read: &[Group], wanted: &[Group]) -> String {
    let place = read.iter().zip(wanted).position(|(read, wanted)| read != wanted);
    let place = place.unwrap_or(read.len().min(wanted.len()));
    let shown = |groups: &[Group]| match groups.get(place) {
        Some(Group { first, count, payload }) => {
            format!("{count} inputs from {first} on in {} bytes", payload.len())
        }
        None => "nothing".to_owned(),
    };
    format!("group {place} is {}, and should be {}", shown(read), shown(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Disk, Fault, FaultyDisk, FileJournal, Groups, Held, MemoryDisk, MemoryJournal};
    use std::io;
    use std::sync::Arc;

    fn files(disk: &FaultyDisk, from: u64) -> Result<FileJournal, Error> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        FileJournal::open(disk, from, false, &|_| true).map(|(journal, _)| journal)
    }

    /// As the engine opens it: from the first input on that a checkpoint has not.
    fn open_files(disk: &FaultyDisk) -> Result<FileJournal, Error> {
        match files(disk, 0) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let first = error.to_string();
                let first = first.split("begins with input ").nth(1).and_then(|rest| rest.split(',').next());
                files(disk, first.and_then(|first| first.parse().ok()).ok_or(error)?)
            }
            opened => opened,
        }
    }

    #[test]
    fn both_implementations_keep_the_contract() {
        let journal = MemoryJournal::new();
        journal_conformance(|| Ok(journal.clone())).unwrap();
        let disk = FaultyDisk::new(MemoryDisk::new());
        journal_conformance(|| open_files(&disk)).unwrap();
    }

    #[test]
    fn files_keep_it_whichever_call_fails() {
        let calls = {
            let disk = FaultyDisk::new(MemoryDisk::new());
            journal_conformance(|| open_files(&disk)).unwrap();
            disk.calls()
        };
        let full = io::ErrorKind::StorageFull;
        for (call, fault) in
            (0..calls).step_by(3).zip([Fault::once(full), Fault::once(full).halfway()].iter().cycle())
        {
            let disk = FaultyDisk::new(MemoryDisk::new());
            disk.fail(call, *fault);
            journal_conformance(|| open_files(&disk)).unwrap_or_else(|error| panic!("call {call}: {error}"));
        }
    }

    /// One that breaks a rule.
    #[derive(Debug)]
    struct Broken(MemoryJournal, Flaw);

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Flaw {
        TakesAnyOrder,
        KeepsWhatItRefused,
        LosesTheEnd,
        TearsTheEnd,
        DropsOneMore,
        GivesWhatIsLeft,
    }

    impl Journal for Broken {
        fn held(&self) -> Result<Held, Error> {
            self.0.held()
        }

        fn append(&mut self, first: u64, count: u32, payload: &[u8], level: Level) -> Result<(), Error> {
            let end = self.0.held()?.inputs.end;
            match self.1 {
                Flaw::TakesAnyOrder if first < end => Ok(()),
                Flaw::KeepsWhatItRefused if payload.len() == 300 => {
                    self.0.append(first, count, payload, level)?;
                    Err(Error::io("append to", "it", io::ErrorKind::StorageFull.into()))
                }
                Flaw::TearsTheEnd if payload.len() == 4_096 => {
                    self.0.append(first, count, &payload[1..], level)
                }
                _ => self.0.append(first, count, payload, level),
            }
        }

        fn sync(&mut self) -> Result<(), Error> {
            self.0.sync()
        }

        fn read(&self, from: u64) -> Result<Groups, Error> {
            match self.1 {
                Flaw::GivesWhatIsLeft => self.0.read(from.max(self.0.held()?.inputs.start)),
                Flaw::LosesTheEnd => {
                    let groups: Vec<_> = self.0.read(from)?.collect();
                    Ok(Box::new(groups.into_iter().take(9)))
                }
                _ => self.0.read(from),
            }
        }

        fn drop_before(&mut self, input: u64) -> Result<(), Error> {
            self.0.drop_before(if self.1 == Flaw::DropsOneMore { input.saturating_add(3) } else { input })
        }
    }

    #[test]
    fn what_breaks_a_rule_is_found() {
        for (flaw, rule) in [
            (Flaw::TakesAnyOrder, ORDER),
            (Flaw::KeepsWhatItRefused, HOLDS),
            (Flaw::LosesTheEnd, READS),
            (Flaw::TearsTheEnd, READS),
            (Flaw::DropsOneMore, DROPS),
            (Flaw::GivesWhatIsLeft, DROPPED),
        ] {
            let journal = MemoryJournal::new();
            let found = journal_conformance(|| Ok(Broken(journal.clone(), flaw))).unwrap_err();
            assert_eq!(found.rule(), rule, "{flaw:?}: {found}");
        }
    }
}
