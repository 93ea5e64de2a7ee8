//! Questions about everybody: who is in a segment, and how many.

use crate::engine::{Engine, Error, Partition, Unknown};
use crate::model::{Instant, Value, nearest};
use crate::profile::UserKey;
use crate::segment::SegmentId;
use std::sync::Arc;
use std::vec::IntoIter;

/// Users of a page of [`Members`]: so many are copied out at a time, and writers go on between pages.
const PAGE: usize = 1_024;

impl Partition {
    pub(super) fn segment_number(&self, name: &str) -> Result<SegmentId, Error> {
        let plan = &self.compiled.plan;
        plan.segment(name).ok_or_else(|| {
            let nearest = nearest(name, plan.segment_names()).map(Into::into);
            Unknown { what: "segment", name: name.into(), nearest }.into()
        })
    }

    /// How many users are in a segment; of a keyed one, in any part of it. O(1).
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn size(&self, segment: &str) -> Result<u64, Error> {
        Ok(self.members.size(self.segment_number(segment)?, self.user_count() as u64))
    }

    /// How many users are in all of some segments at once; of none, everybody. Takes time by the compressed size of
    /// the sets, not by users.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
    /// # let definitions = Definitions::from_toml(r#"
    /// #     version = 1
    /// #     [attributes]
    /// #     country = "string"
    /// #     plan = "string"
    /// #     [segments]
    /// #     french = 'country = "FR"'
    /// #     paying = 'plan != "free"'
    /// # "#)?;
    /// # let mut partition = Partition::new(&definitions);
    /// # let now = Instant::from_millis(0);
    /// partition.ingest(&Message::identify("ada").with("country", "FR").with("plan", "pro"), now)?;
    /// partition.ingest(&Message::identify("bob").with("country", "FR").with("plan", "free"), now)?;
    /// assert_eq!(partition.size("french")?, 2);
    /// assert_eq!(partition.size_of_all(&["french", "paying"])?, 1);
    /// assert_eq!(partition.members("paying")?.collect::<Vec<_>>(), ["ada"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn size_of_all(&self, segments: &[&str]) -> Result<u64, Error> {
        let numbers: Vec<SegmentId> =
            segments.iter().map(|name| self.segment_number(name)).collect::<Result<_, _>>()?;
        Ok(self.members.size_of_all(&numbers, self.user_count() as u64))
    }

    /// The users who are in a segment, in the order in which they were first seen, as far as no number of a forgotten
    /// one was given again. Takes time by the members; where everybody is in by default, by all users.
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn members(&self, segment: &str) -> Result<impl Iterator<Item = &str>, Error> {
        let segment = self.segment_number(segment)?;
        Ok(self.members_from(segment, UserKey(0)).map(|user| &**self.store.name(user)))
    }

    /// For which keys a user is in a keyed segment, each with the instant since which, in order of the keys: numbers first.
    /// O(the user's parts). Nothing of a user who is not known, or of a segment without keys.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
    /// # let definitions = Definitions::from_toml(r#"
    /// #     version = 1
    /// #     [attributes]
    /// #     "budget.*" = "number"
    /// #     [events.payment]
    /// #     category = "string"
    /// #     amount = "number"
    /// #     [segments]
    /// #     overspent = { by = "category", when = "sum(payment.amount in this month) > budget[key]" }
    /// # "#)?;
    /// # let mut partition = Partition::new(&definitions);
    /// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::identify("ada").with("budget.food", 100).with("budget.fun", 50), now)?;
    /// for (category, amount) in [("food", 80), ("fun", 51), ("food", 30)] {
    ///     partition.ingest(&Message::track("ada", "payment").with("category", category).with("amount", amount), now)?;
    /// }
    /// assert_eq!(partition.keys("ada", "overspent")?, [("food".into(), now), ("fun".into(), now)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn keys(&self, user: &str, segment: &str) -> Result<Vec<(Value, Instant)>, Error> {
        let segment = self.segment_number(segment)?;
        let Some(user) = self.store.find(user) else { return Ok(Vec::new()) };
        let stays = self.users[user.0 as usize].memberships.stays_by_key(segment);
        Ok(stays.map(|(key, since)| (self.store.symbols.value(key), since)).collect())
    }

    /// The users who are in a segment, in order of their numbers.
    pub(super) fn members_of(&self, segment: SegmentId) -> impl Iterator<Item = UserKey> {
        self.members_from(segment, UserKey(0))
    }

    fn members_from(&self, segment: SegmentId, first: UserKey) -> impl Iterator<Item = UserKey> {
        let listed = self.members.listed(segment, first);
        let among = listed.is_none().then(|| self.members.among(segment, self.store.keys_from(first)));
        listed.into_iter().flatten().chain(among.into_iter().flatten())
    }
}

impl Engine {
    /// How many users are in a segment. See [`Partition::size`].
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn size(&self, segment: &str) -> Result<u64, Error> {
        self.shards().try_sum(|partition| partition.size(segment))
    }

    /// How many users are in all of some segments at once. See [`Partition::size_of_all`].
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn size_of_all(&self, segments: &[&str]) -> Result<u64, Error> {
        self.shards().try_sum(|partition| partition.size_of_all(segments))
    }

    /// For which keys a user is in a keyed segment. See [`Partition::keys`].
    ///
    /// # Errors
    /// A segment that is not defined, or a user who is not in memory and cannot be read.
    pub fn keys(&self, user: &str, segment: &str) -> Result<Vec<(Value, Instant)>, Error> {
        self.read_user(user, |partition| partition.keys(user, segment))?
    }

    /// The users who are in a segment, a page at a time, so that writers go on meanwhile.
    ///
    /// # Errors
    /// A segment that is not defined.
    pub fn members(&self, segment: &str) -> Result<Members, Error> {
        self.read(|partition| partition.segment_number(segment))?;
        let (engine, segment) = (self.clone(), segment.into());
        Ok(Members { engine, segment, next: Some((0, UserKey(0))), page: Vec::new().into_iter() })
    }
}

/// The users who are in a segment of an [`Engine`], without stopping its writers.
///
/// Each page is as it is when it is read: whoever is in the segment from the first page to the last is given exactly
/// once; whoever enters or leaves meanwhile may be given or not, and so may, more than once, who is brought to another
/// partition. It ends early where the segment is defined no more.
///
/// ```
/// # fn show(engine: &bespoke::engine::Engine) -> Result<(), bespoke::engine::Error> {
/// for user in engine.members("lapsing")? {
///     println!("{user}"); // the engine takes messages meanwhile
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Members {
    engine: Engine,
    segment: Arc<str>,
    /// Where the next page begins: in which partition, and with whom.
    next: Option<(usize, UserKey)>,
    page: IntoIter<Arc<str>>,
}

impl Iterator for Members {
    type Item = Arc<str>;

    fn next(&mut self) -> Option<Arc<str>> {
        loop {
            if let Some(user) = self.page.next() {
                return Some(user);
            }
            let (number, first) = self.next.take()?;
            let (page, next) = self.engine.shards().shards.get(number)?.read(|partition| {
                let Ok(segment) = partition.segment_number(&self.segment) else { return (Vec::new(), None) };
                let mut users = partition.members_from(segment, first);
                let page: Vec<UserKey> = users.by_ref().take(PAGE).collect();
                let next = page.last().filter(|_| page.len() == PAGE).and_then(|last| last.0.checked_add(1));
                let names = page.iter().map(|user| partition.store.name(*user).as_str().into());
                (names.collect(), next.map(UserKey))
            });
            self.next = Some(next.map_or((number + 1, UserKey(0)), |next| (number, next)));
            self.page = page.into_iter();
        }
    }
}
