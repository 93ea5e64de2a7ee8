//! A partition of an engine, with what leads to its disk.

use crate::definitions::{Definitions, Pinned};
use crate::engine::ahead::look_ahead;
use crate::engine::durable::{Answer, Durable, Job, Step};
use crate::engine::input::{Input, TimedInput};
use crate::engine::redefine::Successor;
use crate::engine::residence::bring;
use crate::engine::survey::Surveyor;
use crate::engine::versions::Redefinition;
use crate::engine::{Error, Health, Outcome, Partition};
use crate::model::{Instant, Message};
use crate::profile::UserKey;
use crate::segment::Expression;
use crate::storage::Slot;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::borrow::{Borrow, Cow};

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) partition: RwLock<Partition>,
    /// Nothing where all is in memory.
    pub(super) durable: Option<Durable>,
}

impl Shard {
    /// Looks at the partition beside other readers.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Partition) -> T) -> T {
        look(&self.partition.read())
    }

    /// Looks at a user, who is brought into memory first where need be. Nobody else waits for the disk then.
    pub(super) fn read_user<T>(&self, id: &str, look: impl Fn(&Partition) -> T) -> Result<T, Error> {
        self.read_found(|partition| partition.store.find(id), look)
    }

    /// The same with a user who is found in another way.
    pub(super) fn read_found<T>(
        &self,
        find: impl Fn(&Partition) -> Option<UserKey>,
        look: impl Fn(&Partition) -> T,
    ) -> Result<T, Error> {
        let partition = &self.partition;
        loop {
            let held = partition.read();
            let user = find(&held);
            match user.filter(|user| held.away(*user).is_some()) {
                None => {
                    let answer = look(&held);
                    drop(held);
                    self.rest();
                    return Ok(answer);
                }
                Some(user) => {
                    drop(held);
                    bring(partition, user)?;
                    let mut held = partition.write();
                    // Somebody may have needed the room already, and the id may be another one's since.
                    if find(&held).is_none_or(|user| held.away(user).is_none()) {
                        let answer = look(&held);
                        held.trim();
                        return Ok(answer);
                    }
                }
            }
        }
    }

    /// Has users rest whom readers looked at, now and then.
    fn rest(&self) {
        if self.read(|partition| partition.store.profiles.has_many_awake()) {
            self.partition.write().rest(usize::MAX);
        }
    }

    /// Looks at a page of users, who are brought into memory first where need be, as long as others may write.
    pub(super) fn read_page(
        &self,
        surveyor: &mut Surveyor,
        expression: &Expression,
        now: Instant,
    ) -> Result<(), Error> {
        let partition = &self.partition;
        if self.durable.is_none() {
            let looked = surveyor.page(&partition.read(), expression, now);
            self.rest();
            return looked;
        }
        // Not in the head of the loop: the lock would be held as long as it runs.
        let users = surveyor.users(&partition.read());
        users.into_iter().try_for_each(|user| bring(partition, user))?;
        let mut held = partition.write();
        // Somebody may have needed the room already.
        surveyor.users(&held).into_iter().try_for_each(|user| held.load(user))?;
        let looked = surveyor.page(&held, expression, now);
        held.rest(usize::MAX);
        held.trim();
        looked
    }

    /// Looks at some users, who are brought into memory first where need be, as long as others may write.
    pub(super) fn read_users<T>(
        &self,
        users: impl Fn(&Partition) -> Vec<UserKey>,
        look: impl FnOnce(&Partition, &[UserKey]) -> T,
    ) -> Result<T, Error> {
        let partition = &self.partition;
        let wanted = users(&partition.read());
        if self.durable.is_none() {
            let looked = look(&partition.read(), &wanted);
            self.rest();
            return Ok(looked);
        }
        wanted.iter().try_for_each(|user| bring(partition, *user))?;
        let mut held = partition.write();
        // Somebody may have needed the room already, or be no more.
        let wanted = users(&held);
        wanted.iter().try_for_each(|user| held.load(*user))?;
        let looked = look(&held, &wanted);
        held.rest(usize::MAX);
        held.trim();
        Ok(looked)
    }

    /// Has an input written, as the level asks, and applied.
    pub(super) fn submit(&self, now: Instant, input: Input) -> Result<Answer, Error> {
        let input = TimedInput { now, input };
        let partition = &self.partition;
        let answer = match &self.durable {
            None => {
                let mut held = partition.write();
                held.check_input(&input)?;
                held.take_input(&input, Slot::STORE)
            }
            Some(durable) => durable.submit(partition, Job::Input(Box::new(input))),
        };
        match answer {
            Answer::Outcome(Err(error)) => Err(error),
            answer => Ok(answer),
        }
    }

    /// The same for an input whose answer is an outcome.
    pub(super) fn outcome(&self, now: Instant, input: Input) -> Result<Outcome, Error> {
        match self.submit(now, input)? {
            Answer::Outcome(outcome) => outcome,
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    pub(super) fn ingest(&self, message: &Message, now: Instant) -> Result<Outcome, Error> {
        match &self.durable {
            None => self.partition.write().ingest(message, now),
            Some(_) => self.ingest_written(std::slice::from_ref(message), now).pop().expect("one of one"),
        }
    }

    pub(super) fn ingest_all(&self, messages: &[Message], now: Instant) -> Vec<Result<Outcome, Error>> {
        match &self.durable {
            None => self.ingest_in_memory(messages, now).into_vec(),
            Some(_) => self.ingest_written(messages, now).into_vec(),
        }
    }

    fn ingest_written(&self, messages: &[Message], now: Instant) -> SmallVec<[Result<Outcome, Error>; 1]> {
        self.ingest_job(Job::Messages(Cow::Borrowed(messages), now))
    }

    /// The same of messages that are not side by side. Behind the first one whose ids are not all here none is taken in.
    pub(super) fn ingest_picked(
        &self,
        messages: Vec<&Message>,
        now: Instant,
    ) -> SmallVec<[Result<Outcome, Error>; 1]> {
        match &self.durable {
            None => self.ingest_in_memory(&messages, now),
            Some(_) => self.ingest_job(Job::Picked(messages.into_iter().map(Cow::Borrowed).collect(), now)),
        }
    }

    fn ingest_in_memory(
        &self,
        messages: &[impl Borrow<Message>],
        now: Instant,
    ) -> SmallVec<[Result<Outcome, Error>; 1]> {
        let mut answers = SmallVec::with_capacity(messages.len());
        for (place, message) in messages.iter().enumerate() {
            look_ahead(&self.partition, messages, place);
            let answer = match answers.last() {
                Some(Err(Error::Apart)) => Err(Error::Apart),
                _ => self.partition.write().ingest(message.borrow(), now),
            };
            answers.push(answer);
        }
        answers
    }

    fn ingest_job(&self, job: Job<'_>) -> SmallVec<[Result<Outcome, Error>; 1]> {
        let Some(durable) = &self.durable else { return SmallVec::new() };
        match durable.submit(&self.partition, job) {
            Answer::Messages(answers) => answers,
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    /// Goes on under other definitions. What needs no profiles is worked out while others read and write.
    pub(super) fn redefine(
        &self,
        definitions: &Definitions,
        pinned: Option<Vec<Pinned>>,
        now: Instant,
    ) -> Result<Outcome, Error> {
        let before = self.read(|partition| partition.compiled.clone());
        before.fingerprints();
        let partition = &self.partition;
        let Some(durable) = &self.durable else {
            let successor = Successor::new(definitions, &mut partition.write());
            let ready = successor.relocate();
            return Ok(partition.write().put_into_force(ready, pinned, now));
        };
        let redefinition = Redefinition { definitions: definitions.clone(), pinned };
        match durable.submit(partition, Job::Redefine(Box::new(redefinition), now)) {
            Answer::Outcome(outcome) => outcome,
            _ => unreachable!("every input has an answer of its own kind"),
        }
    }

    /// Waits until whatever was checked before has been applied.
    pub(super) fn fence(&self) -> Result<(), Error> {
        match &self.durable {
            None => {
                drop(self.partition.write());
                Ok(())
            }
            Some(durable) => match durable.submit(&self.partition, Job::Checkpoint(Step::Fence)) {
                Answer::Step(done) => done.map(drop),
                _ => unreachable!("a step is answered as one"),
            },
        }
    }

    pub(super) fn checkpoint(&self) -> Result<(), Error> {
        self.durable.as_ref().map_or(Ok(()), |durable| durable.checkpoint(&self.partition))
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        self.durable.as_ref().map_or(Ok(()), |durable| durable.sync(&self.partition))
    }

    /// Looks at the partition while everybody is in memory. Others wait.
    pub(super) fn read_everybody<T>(&self, look: impl FnOnce(&Partition) -> T) -> Result<T, Error> {
        if self.durable.is_none() {
            return Ok(self.read(look));
        }
        let mut held = self.partition.write();
        held.bring_everybody()?;
        let answer = look(&held);
        held.trim();
        Ok(answer)
    }

    /// The state as bytes.
    pub(super) fn state(&self) -> Result<Vec<u8>, Error> {
        self.read_everybody(|partition| partition.checkpoint().expect("state is numbers and texts"))
    }

    pub(super) fn health(&self) -> Health {
        let mut health = self.read(Partition::health);
        if let (Some(durable), Some(store)) = (&self.durable, &mut health.store) {
            durable.note_health(store);
        }
        health
    }

    /// Whether other definitions hold than these.
    pub(super) fn is_other(&self, definitions: &Definitions) -> bool {
        self.read(|partition| {
            partition.shelf.as_ref().is_some_and(|shelf| *shelf.definitions.1 != *definitions.text())
        })
    }
}

impl Drop for Shard {
    /// Writes what level [`Durability::Memory`](crate::engine::Durability::Memory) held back. Whoever wants to know whether
    /// that went well takes a checkpoint before.
    fn drop(&mut self) {
        if let Some(durable) = &self.durable {
            let _ = durable.close();
        }
    }
}
