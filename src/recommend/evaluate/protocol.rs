use crate::model::{Duration, Instant, stable_hash};
use crate::recommend::ItemId;
use crate::recommend::evaluate::Error;
use crate::recommend::evaluate::dataset::{Dataset, Touch};
use std::collections::BTreeMap;
use std::fmt;

/// How interactions are divided into those to learn from and those to be predicted.
///
/// ```
/// use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol};
/// # let mut visits = Dataset::new(Owner::User);
/// # for user in 0..10 {
/// #     "abcde".chars().try_for_each(|item| visits.push(&format!("u{user}"), &item.to_string(), None))?;
/// # }
/// // Ten users, of whom each touched the same five items.
/// for (protocol, learned, tested) in [
///     (Protocol::NextItem(Holdout::Share(0.2)), 40, 2), // all of the last two
///     (Protocol::LastOut, 40, 10),                      // the last item of each
///     (Protocol::RandomSplit { share: 0.4, seed: 1 }, 30, 10),
/// ] {
///     let split = visits.split(protocol, Part::Test)?;
///     assert_eq!((split.train_len(), split.cases()), (learned, tested));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// The last sessions are the test: from every beginning of one, the next item and the rest are predicted. Items that
    /// training does not know are left out of them, and so are sessions with fewer than two clicks after that. (Hidasi
    /// et al., "Session-based recommendations with recurrent neural networks", ICLR 2016.)
    ///
    /// They come in order of their last click. A user's interactions are one session here: the users who were there last
    /// are new to the model.
    NextItem(Holdout),
    /// The last interaction of each user who has at least two is the test: leave one out, as sequential recommenders are
    /// compared (Kang and McAuley, "Self-attentive sequential recommendation", ICDM 2018, but ranking all items).
    LastOut,
    /// A share of each user's items is the test, whatever their time.
    ///
    /// Those are the items with the least hashes of seed, user and item, as many as the share comes to, rounded to the
    /// nearest: the same ones on every machine, in whatever order the interactions come.
    RandomSplit {
        /// Above 0 and below 1; a fifth is usual.
        share: f64,
        /// Another number gives another split.
        seed: u64,
    },
}

/// What of the sessions is held out.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol};
/// # let start: bespoke::model::Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for (session, day) in [("s1", 0), ("s2", 1), ("s3", 2), ("s4", 9)] {
/// #     for item in ["boot", "sock"] { clicks.push(session, item, Some(start + Duration::days(day)))? }
/// # }
/// // Four sessions, on days 0, 1, 2 and 9.
/// let tested = |holdout| clicks.split(Protocol::NextItem(holdout), Part::Test).map(|split| split.cases());
/// assert_eq!(tested(Holdout::Last(Duration::days(7)))?, 2); // to day 2, seven days before the last click
/// assert_eq!(tested(Holdout::Share(0.75))?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holdout {
    /// Those whose last click is within this time before the last of all.
    Last(Duration),
    /// This share of them: those with the latest last clicks. Above 0 and below 1.
    Share(f64),
}

/// What is held out, from what.
///
/// ```
/// use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol};
/// # let mut clicks = Dataset::new(Owner::Session);
/// # for session in 0..100 {
/// #     ["boot", "sock"].iter().try_for_each(|item| clicks.push(&format!("s{session}"), item, None))?;
/// # }
/// let protocol = Protocol::NextItem(Holdout::Share(0.1));
/// let validation = clicks.split(protocol, Part::Validation)?; // for choosing parameters, as often as you like
/// let test = clicks.split(protocol, Part::Test)?; // for the number that you tell, once
/// // Of 100 sessions of two clicks the last ten are the test; of the 90 before, the last nine are the validation.
/// assert_eq!((validation.train_len(), validation.cases()), (162, 9));
/// assert_eq!((test.train_len(), test.cases()), (180, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The test, from everything.
    Test,
    /// The same once more from what remains when the test is taken away. The test is not looked at: tune on this one.
    Validation,
}

/// Interactions divided by a [`Protocol`].
///
/// ```
/// use bespoke::recommend::evaluate::{Dataset, Holdout, Owner, Part, Protocol};
/// let mut clicks = Dataset::new(Owner::Session);
/// for (number, items) in (1..).zip(["boot sock", "boot sock", "boot sock", "sock boot", "sock new"]) {
///     items.split(' ').try_for_each(|item| clicks.push(&format!("s{number}"), item, None))?;
/// }
/// let split = clicks.split(Protocol::NextItem(Holdout::Share(0.6)), Part::Test)?;
/// // Of three sessions one is too short without what training never saw.
/// assert_eq!((split.train_len(), split.cases()), (4, 2));
/// assert!(split.to_string().starts_with("test: 2 sessions with 4 clicks, the last 60% of all; "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Split {
    /// How many interactions and items there were to divide.
    pub(super) of: (usize, usize),
    pub(super) protocol: Protocol,
    pub(super) part: Part,
    /// In order of time.
    pub(super) train: Vec<Touch>,
    pub(super) cases: Cases,
    /// What training knows, in order of number.
    pub(super) catalogue: Vec<ItemId>,
    /// Test interactions with items that training does not know, and test sessions that were too short then.
    left_out: (usize, usize),
    /// The first and last instant of a test that has instants.
    span: Option<(Instant, Instant)>,
}

/// What is to be predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cases {
    /// Sessions in order of their last click, each in order of time.
    Sessions(Vec<Vec<Touch>>),
    /// Users in order of number.
    Users(Vec<UserCase>),
}

/// A user of whom something is held out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserCase {
    pub(super) user: u32,
    /// What training has of the user, in order of time.
    pub(super) had: Vec<ItemId>,
    /// What is held out, each once.
    pub(super) targets: Vec<ItemId>,
}

impl Dataset {
    /// Divides the interactions. O(n log n).
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::NoTimes`], and where one of the two would be empty [`Error::NothingToLearn`] or
    /// [`Error::NothingToTest`].
    pub fn split(&self, protocol: Protocol, part: Part) -> Result<Split, Error> {
        protocol.check(self.is_timed())?;
        let (train, held_out) = self.divide(protocol, self.by_time())?;
        let (train, held_out) = match part {
            Part::Test => (train, held_out),
            Part::Validation => self.divide(protocol, train)?,
        };
        let mut catalogue: Vec<ItemId> = train.iter().map(|touch| touch.item).collect();
        catalogue.sort_unstable();
        catalogue.dedup();

        let is_known = |touch: &Touch| catalogue.binary_search(&touch.item).is_ok();
        let mut left_out = (0, 0);
        let cases = match protocol {
            Protocol::NextItem(_) => {
                left_out.0 = held_out.iter().filter(|touch| !is_known(touch)).count();
                let mut sessions = by_owner(held_out.iter().filter(|touch| is_known(touch)));
                let all = by_owner(&held_out).len();
                sessions.retain(|session| session.len() >= 2);
                left_out.1 = all - sessions.len();
                // A stable sort: sessions that end in one instant stay in order of number.
                sessions.sort_by_key(|session| session.last().map(|touch| touch.at));
                Cases::Sessions(sessions)
            }
            Protocol::LastOut | Protocol::RandomSplit { .. } => Cases::Users(users(&train, &held_out)),
        };
        if cases.len() == 0 {
            return Err(Error::NothingToTest(protocol.needs()));
        }
        let times = || held_out.iter().map(|touch| touch.at);
        let span = times().min().zip(times().max()).filter(|_| self.is_timed());
        let of = (self.len(), self.items().len());
        Ok(Split { of, protocol, part, train, cases, catalogue, left_out, span })
    }

    /// Training and what is held out, both in the order in which they come.
    fn divide(&self, protocol: Protocol, touches: Vec<Touch>) -> Result<(Vec<Touch>, Vec<Touch>), Error> {
        let total = touches.len();
        let (train, held_out): (Vec<Touch>, Vec<Touch>) = match protocol {
            Protocol::NextItem(holdout) => {
                let is_last = last_owners(&touches, holdout, self.owners());
                touches.into_iter().partition(|touch| !is_last[touch.owner as usize])
            }
            Protocol::LastOut => {
                let (mut last, mut count) = (vec![0; self.owners()], vec![0_usize; self.owners()]);
                for (place, touch) in touches.iter().enumerate() {
                    last[touch.owner as usize] = place;
                    count[touch.owner as usize] += 1;
                }
                let is_held_out = |&(place, Touch { owner, .. }): &(usize, Touch)| {
                    count[owner as usize] >= 2 && last[owner as usize] == place
                };
                let (held_out, train): (Vec<_>, Vec<_>) =
                    touches.into_iter().enumerate().partition(is_held_out);
                let touch = |(_, touch)| touch;
                (train.into_iter().map(touch).collect(), held_out.into_iter().map(touch).collect())
            }
            Protocol::RandomSplit { share, seed } => {
                let drawn = self.draw(&touches, share, seed);
                touches
                    .into_iter()
                    .partition(|touch| drawn.binary_search(&(touch.owner, touch.item)).is_err())
            }
        };
        if train.is_empty() {
            return Err(Error::NothingToLearn(total));
        }
        Ok((train, held_out))
    }

    /// A share of the items of each user, sorted.
    fn draw(&self, touches: &[Touch], share: f64, seed: u64) -> Vec<(u32, ItemId)> {
        let mut pairs: Vec<(u32, ItemId)> = touches.iter().map(|touch| (touch.owner, touch.item)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let seed = seed.to_le_bytes();
        let hash = |owner, item| {
            let parts = [&seed, self.owner_name(owner).as_bytes(), self.item_name(item).as_bytes()];
            stable_hash(&parts)
        };
        let mut drawn = Vec::new();
        for of_owner in pairs.chunk_by(|a, b| a.0 == b.0) {
            let mut by_hash: Vec<_> =
                of_owner.iter().map(|&(owner, item)| (hash(owner, item), owner, item)).collect();
            by_hash.sort_unstable();
            let len = libm::round(by_hash.len() as f64 * share) as usize;
            drawn.extend(by_hash[..len].iter().map(|&(_, owner, item)| (owner, item)));
        }
        drawn.sort_unstable();
        drawn
    }
}

/// Whether an owner is among the last, by number.
fn last_owners(touches: &[Touch], holdout: Holdout, owners: usize) -> Vec<bool> {
    let mut ends: Vec<Option<Instant>> = vec![None; owners];
    // In order of time, so the last one stands.
    touches.iter().for_each(|touch| ends[touch.owner as usize] = Some(touch.at));
    match holdout {
        Holdout::Last(span) => {
            let end = touches.last().map_or(Instant::MAX, |touch| touch.at);
            ends.iter().map(|at| at.is_some_and(|at| at >= end - span)).collect()
        }
        Holdout::Share(share) => {
            let mut order: Vec<(Instant, usize)> =
                ends.iter().enumerate().filter_map(|(owner, at)| Some(((*at)?, owner))).collect();
            order.sort_unstable();
            let len = libm::round(order.len() as f64 * share) as usize;
            let mut is_last = vec![false; owners];
            order[order.len() - len..].iter().for_each(|(_, owner)| is_last[*owner] = true);
            is_last
        }
    }
}

/// The interactions of each owner, in order of number; each in the order in which they come.
fn by_owner<'a>(touches: impl IntoIterator<Item = &'a Touch>) -> Vec<Vec<Touch>> {
    let mut owners: BTreeMap<u32, Vec<Touch>> = BTreeMap::new();
    touches.into_iter().for_each(|touch| owners.entry(touch.owner).or_default().push(*touch));
    owners.into_values().collect()
}

fn users(train: &[Touch], held_out: &[Touch]) -> Vec<UserCase> {
    let mut users: BTreeMap<u32, UserCase> = BTreeMap::new();
    for touch in held_out {
        let new = || UserCase { user: touch.owner, had: Vec::new(), targets: Vec::new() };
        let targets = &mut users.entry(touch.owner).or_insert_with(new).targets;
        if !targets.contains(&touch.item) {
            targets.push(touch.item);
        }
    }
    for touch in train {
        if let Some(case) = users.get_mut(&touch.owner) {
            case.had.push(touch.item);
        }
    }
    users.into_values().collect()
}

impl Protocol {
    fn check(self, is_timed: bool) -> Result<(), Error> {
        let share = |name, share: f64| match share > 0.0 && share < 1.0 {
            true => Ok(()),
            false => Err(Error::Setting { name, found: share.to_string(), wanted: "above 0 and below 1" }),
        };
        match self {
            Protocol::NextItem(Holdout::Last(_)) if !is_timed => Err(Error::NoTimes),
            Protocol::NextItem(Holdout::Last(span)) if span <= Duration::ZERO => {
                Err(Error::Setting { name: "last", found: span.to_string(), wanted: "more than 0" })
            }
            Protocol::NextItem(Holdout::Share(of_sessions)) => share("share", of_sessions),
            Protocol::RandomSplit { share: of_items, .. } => share("share", of_items),
            Protocol::NextItem(_) | Protocol::LastOut => Ok(()),
        }
    }

    /// What the data lacked where nothing is left to test.
    fn needs(self) -> &'static str {
        match self {
            Protocol::NextItem(_) => "no session held out has two clicks on items that training knows",
            Protocol::LastOut => "no user has two interactions",
            Protocol::RandomSplit { .. } => "no user has enough items for the share to come to one",
        }
    }
}

impl Cases {
    pub(super) fn len(&self) -> usize {
        match self {
            Cases::Sessions(sessions) => sessions.len(),
            Cases::Users(users) => users.len(),
        }
    }
}

impl Split {
    /// Whether it is the test or the validation.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// How many interactions are learned.
    #[must_use]
    pub fn train_len(&self) -> usize {
        self.train.len()
    }

    /// How many sessions or users are tested.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.cases.len()
    }
}

/// How it was split, in a sentence.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Test => f.write_str("test: ")?,
            Part::Validation => f.write_str("validation (the test is set aside, and not looked at): ")?,
        }
        match (self.protocol, &self.cases) {
            (Protocol::NextItem(holdout), Cases::Sessions(sessions)) => {
                let clicks: usize = sessions.iter().map(Vec::len).sum();
                write!(f, "{} sessions with {clicks} clicks, ", sessions.len())?;
                match holdout {
                    Holdout::Last(span) => write!(f, "whose last click is in the last {span}")?,
                    Holdout::Share(share) => write!(f, "the last {}% of all", share * 100.0)?,
                }
                let (clicks, sessions) = self.left_out;
                write!(
                    f,
                    "; {clicks} clicks on items unseen in training are left out, and {sessions} sessions too short then"
                )?;
            }
            (Protocol::RandomSplit { share, seed }, cases) => {
                write!(
                    f,
                    "{}% of the items of each of {} users, by a hash with seed {seed}",
                    share * 100.0,
                    cases.len()
                )?;
            }
            (_, cases) => write!(f, "the last interaction of each of {} users", cases.len())?,
        }
        if let Some((first, last)) = self.span {
            write!(f, "; from {first} to {last}")?;
        }
        let (clicks, items) = (self.train.len(), self.catalogue.len());
        write!(f, ". training: {clicks} interactions with {items} items")?;
        match (self.train.first(), self.train.last()) {
            (Some(first), Some(last)) if self.span.is_some() => {
                write!(f, " from {} to {}", first.at, last.at)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "protocol_test.rs"]
mod tests;
