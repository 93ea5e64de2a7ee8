use crate::model::{Duration, Instant};
use crate::recommend::evaluate::Error;
use crate::recommend::{Interaction, ItemId, Items};
use ahash::RandomState;
use std::collections::HashMap;

/// How far apart interactions without instants are taken to be.
const STEP: Duration = Duration::seconds(15);

/// Whose interactions belong together.
///
/// ```
/// use bespoke::recommend::{CoVisitation, evaluate::{Dataset, Evaluation, Holdout, Owner, Part, Protocol}};
/// // Ten look at the boot, at the sock, and at the boot again, which is not recommended to a user who had it.
/// for (owner, hit_rate) in [(Owner::Session, 1.0), (Owner::User, 0.5)] {
///     let mut clicks = Dataset::new(owner);
///     for n in 0..30 { clicks.push(&format!("{}", n / 3), ["boot", "sock", "boot"][n % 3], None)? }
///     let split = clicks.split(Protocol::NextItem(Holdout::Share(0.2)), Part::Test)?;
///     let report = Evaluation::new().run(&mut CoVisitation::default(), &clicks, &split, &mut ())?;
///     assert_eq!(report.results[0].scores.hit_rate, hit_rate);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A visit of somebody unknown: short, and what is looked at now is the only repeat that is never shown.
    Session,
    /// Somebody who comes again: all that they ever did is one sequence, and nothing in it is recommended to them again.
    User,
}

/// Interactions to learn from and to test on: who touched which item when.
///
/// Without instants, the order in which they were pushed is their order in time, and each comes 15 s after the one
/// before: about the pace of a middling shop, so that half-lives given in days mean something.
///
/// Memory: 24 bytes an interaction, and the ids.
///
/// ```
/// use bespoke::recommend::evaluate::{Dataset, Owner};
/// let mut clicks = Dataset::new(Owner::Session);
/// clicks.push("s1", "boot-7", Some("2026-11-23T10:00:00Z".parse().unwrap()))?;
/// clicks.push("s1", "sock-1", Some("2026-11-23T10:01:00Z".parse().unwrap()))?;
/// assert_eq!((clicks.len(), clicks.items().len()), (2, 2));
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dataset {
    owner: Owner,
    items: Items,
    /// Names of owners, by number.
    names: Vec<Box<str>>,
    /// Its order is never seen.
    numbers: HashMap<Box<str>, u32, RandomState>,
    touches: Vec<Touch>,
    is_timed: bool,
}

/// Somebody touched an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    pub(super) owner: u32,
    pub(super) item: ItemId,
    pub(super) at: Instant,
}

impl Touch {
    pub(super) fn interaction(&self) -> Interaction<'static> {
        Interaction::new(self.owner, self.item, self.at)
    }
}

impl Dataset {
    /// Without any interactions.
    #[must_use]
    pub fn new(owner: Owner) -> Dataset {
        Dataset {
            owner,
            items: Items::new(),
            names: Vec::new(),
            numbers: HashMap::default(),
            touches: Vec::new(),
            is_timed: false,
        }
    }

    /// Adds an interaction, of a session or user by its id. They may come in any order of time; those of one instant
    /// keep their order.
    ///
    /// # Errors
    /// [`Error::OwnerEmpty`], [`Error::TimesMixed`], and an item id that is refused, as [`Error::Recommend`]. Nothing is
    /// added then.
    pub fn push(&mut self, owner: &str, item: &str, at: Option<Instant>) -> Result<(), Error> {
        if owner.is_empty() {
            return Err(Error::OwnerEmpty);
        }
        if !self.touches.is_empty() && at.is_some() != self.is_timed {
            return Err(Error::TimesMixed(self.touches.len() + 1));
        }
        let item = self.items.intern(item)?;
        let number = match self.numbers.get(owner) {
            Some(&number) => number,
            None => {
                let number = self.names.len() as u32;
                self.names.push(owner.into());
                self.numbers.insert(owner.into(), number);
                number
            }
        };
        let step = Duration::from_millis(STEP.as_millis() * self.touches.len() as i64);
        self.is_timed = at.is_some();
        self.touches.push(Touch { owner: number, item, at: at.unwrap_or(Instant::from_millis(0) + step) });
        Ok(())
    }

    /// Whose interactions belong together.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The items, by number and by id: what [`Query::resolve`](crate::recommend::Query::resolve) wants.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Whether the interactions came with instants.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.is_timed
    }

    /// How many sessions or users there are.
    #[must_use]
    pub fn owners(&self) -> usize {
        self.names.len()
    }

    /// How many interactions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.touches.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.touches.is_empty()
    }

    /// The interactions in order of time: what [`Prequential`](crate::recommend::evaluate::Prequential) wants.
    /// O(n log n).
    pub fn interactions(&self) -> impl Iterator<Item = Interaction<'static>> {
        self.by_time().into_iter().map(|touch| touch.interaction())
    }

    /// In order of time; those of one instant as they were pushed.
    pub(super) fn by_time(&self) -> Vec<Touch> {
        let mut touches = self.touches.clone();
        touches.sort_by_key(|touch| touch.at);
        touches
    }

    pub(super) fn owner_name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    pub(super) fn item_name(&self, item: ItemId) -> &str {
        self.items.name(item).expect("the items of a data set are its own")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_adds_nothing() {
        let at = Some(Instant::from_millis(5));
        let mut data = Dataset::new(Owner::User);
        assert_eq!(data.push("", "a", at), Err(Error::OwnerEmpty));
        assert_eq!(data.push("u", "", at), Err(Error::Recommend(crate::recommend::Error::ItemEmpty)));
        assert!(data.is_empty() && data.owners() == 0);
        data.push("u", "a", at).unwrap();
        assert_eq!(data.push("v", "b", None), Err(Error::TimesMixed(2)));
        assert_eq!((data.len(), data.owners(), data.items().len()), (1, 1, 1));
    }

    #[test]
    fn order_is_time_and_then_as_pushed() {
        let (mut timed, mut untimed) = (Dataset::new(Owner::User), Dataset::new(Owner::User));
        for (item, millis) in [("a", 9), ("b", 5), ("c", 9), ("d", 5)] {
            timed.push("u", item, Some(Instant::from_millis(millis))).unwrap();
            untimed.push("u", item, None).unwrap();
        }
        let order = |data: &Dataset| -> String {
            data.interactions().map(|interaction| data.item_name(interaction.item())).collect()
        };
        assert_eq!((&*order(&timed), &*order(&untimed)), ("bdac", "abcd"));
        let last = untimed.interactions().last().unwrap();
        assert_eq!(last.at(), Instant::from_millis(45_000));
    }
}
