use crate::model::{Bytes, Duration, Instant, Malformed, Record, write_text};
use crate::recommend::{Action, ItemId, Items};
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

/// How many items of a session are kept.
pub(super) const RECENT_MAX: usize = 10;

/// Users that share an allocation.
const PAGE_LEN: usize = 1_024;

/// The last items of a user's last session, in 72 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent {
    items: [ItemId; RECENT_MAX],
    actions: [Action; RECENT_MAX],
    /// Where the next goes, below `RECENT_MAX`.
    next: u8,
    len: u8,
    newest_at: Instant,
    /// The day (UTC, since 1970) of the newest interaction that was counted, and how many there were on it.
    day: i32,
    of_day: u16,
}

impl Recent {
    pub(super) const EMPTY: Recent = Recent {
        items: [ItemId::new(0); RECENT_MAX],
        actions: [Action::Viewed; RECENT_MAX],
        next: 0,
        len: 0,
        newest_at: Instant::MIN,
        day: i32::MIN,
        of_day: 0,
    };

    /// Counts an interaction, and gives how many there were on its day. One of an earlier day counts for the newest.
    pub(super) fn count_of_day(&mut self, at: Instant) -> u32 {
        let day = (at.as_millis().div_euclid(86_400_000)).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        if day as i32 > self.day {
            (self.day, self.of_day) = (day as i32, 0);
        }
        self.of_day = self.of_day.saturating_add(1);
        u32::from(self.of_day)
    }

    /// Prepares for an interaction at `at`: after more than `gap` a new session begins. False for one that
    /// comes so late that it belongs to an earlier session, of which nothing is kept.
    pub(super) fn open(&mut self, at: Instant, gap: Duration) -> bool {
        if self.len > 0 && self.newest_at - at > gap {
            return false;
        }
        if at - self.newest_at > gap {
            self.len = 0;
        }
        true
    }

    pub(super) fn push(&mut self, item: ItemId, action: Action, at: Instant) {
        let next = usize::from(self.next);
        (self.items[next], self.actions[next]) = (item, action);
        self.next = ((next + 1) % RECENT_MAX) as u8;
        self.len = (self.len + 1).min(RECENT_MAX as u8);
        self.newest_at = self.newest_at.max(at);
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (ItemId, Action)> {
        let next = usize::from(self.next);
        (0..usize::from(self.len)).map(move |back| {
            let place = (next + RECENT_MAX - 1 - back) % RECENT_MAX;
            (self.items[place], self.actions[place])
        })
    }
}

impl Recent {
    /// Writes the items, oldest first.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.newest_at.write(out);
        (i64::from(self.day), self.of_day).write(out);
        usize::from(self.len).write(out);
        let items: SmallVec<[(ItemId, Action); RECENT_MAX]> = self.iter().collect();
        items.iter().rev().for_each(|(item, action)| (item.number(), *action).write(out));
    }

    /// Reads what was written, with items below a number.
    pub(super) fn read(from: &mut Bytes<'_>, items: usize) -> Result<Recent, Malformed> {
        let newest_at = from.read()?;
        let mut recent = Recent { newest_at, ..Recent::EMPTY };
        recent.read_day(from)?;
        for _ in 0..from.valid("a session", |len: &usize| *len <= RECENT_MAX)? {
            let number = from.valid("the number of an item", |number: &u32| (*number as usize) < items)?;
            recent.push(ItemId::new(number), from.read()?, newest_at);
        }
        Ok(recent)
    }
}

impl Recent {
    fn read_day(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let day = from.valid("a day", |day: &i64| i32::try_from(*day).is_ok())?;
        (self.day, self.of_day) = (day as i32, from.read()?);
        Ok(())
    }
}

/// What goes to another partition, where items have other numbers.
impl Recent {
    /// Writes the items by their ids, oldest first.
    pub(crate) fn write_named(&self, items: &Items, out: &mut Vec<u8>) {
        self.newest_at.write(out);
        (i64::from(self.day), self.of_day).write(out);
        let named: SmallVec<[(&str, Action); RECENT_MAX]> =
            self.iter().filter_map(|(item, action)| Some((items.name(item)?, action))).collect();
        named.len().write(out);
        for (item, action) in named.iter().rev() {
            write_text(item, out);
            action.write(out);
        }
    }

    /// Reads what was written so; items that there are not yet get numbers.
    pub(crate) fn read_named(from: &mut Bytes<'_>, items: &mut Items) -> Result<Recent, Malformed> {
        let newest_at = from.read()?;
        let mut recent = Recent { newest_at, ..Recent::EMPTY };
        recent.read_day(from)?;
        for _ in 0..from.valid("a session", |len: &usize| *len <= RECENT_MAX)? {
            let item = items.intern(from.text()?).map_err(|_| from.malformed("an item"))?;
            recent.push(item, from.read()?, newest_at);
        }
        Ok(recent)
    }
}

/// The recent items of users, by their dense numbers.
///
/// In pages, so that growing never copies and one large number costs a page, not all users below it. A user who has
/// none, or is not in memory, takes eight bytes of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct RecentItems {
    pages: Vec<Option<Page>>,
}

type Page = Box<[Option<Box<Recent>>]>;

impl RecentItems {
    pub(super) fn get(&self, user: u32) -> Option<&Recent> {
        let (page, place) = split(user);
        self.pages.get(page)?.as_ref()?.get(place)?.as_deref()
    }

    /// What is there of a user, to be added to.
    pub(super) fn get_mut(&mut self, user: u32) -> &mut Recent {
        self.place(user).get_or_insert_with(|| Box::new(Recent::EMPTY))
    }

    fn place(&mut self, user: u32) -> &mut Option<Box<Recent>> {
        let (page, place) = split(user);
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        &mut self.pages[page].get_or_insert_with(|| vec![None; PAGE_LEN].into_boxed_slice())[place]
    }

    /// Takes out what is there of a user.
    pub(super) fn take(&mut self, user: u32) -> Option<Box<Recent>> {
        let (page, place) = split(user);
        self.pages.get_mut(page)?.as_mut()?.get_mut(place)?.take()
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(super) fn put(&mut self, user: u32, recent: Option<Box<Recent>>) {
        match recent {
            Some(recent) => *self.place(user) = Some(recent),
            None => drop(self.take(user)),
        }
    }

    /// Users that have items, in order of number.
    pub(super) fn users(&self) -> impl Iterator<Item = (usize, &Recent)> {
        self.pages.iter().enumerate().flat_map(|(number, page)| {
            let page = page.iter().flat_map(|page| page.iter()).enumerate();
            page.filter_map(move |(place, recent)| Some((number * PAGE_LEN + place, recent.as_deref()?)))
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let users = self.users().count();
        let pages = self.pages.iter().flatten().count();
        let of_page = PAGE_LEN * size_of::<Option<Box<Recent>>>();
        self.pages.capacity() * size_of::<Option<Box<[Recent]>>>()
            + pages * of_page
            + users * size_of::<Recent>()
    }
}

fn split(user: u32) -> (usize, usize) {
    (user as usize / PAGE_LEN, user as usize % PAGE_LEN)
}

/// Users that have items, in order of number.
impl Record for RecentItems {
    fn write(&self, out: &mut Vec<u8>) {
        self.users().count().write(out);
        for (user, recent) in self.users() {
            (user as u32).write(out);
            recent.write(out);
        }
    }

    /// Items may have any numbers.
    fn read(from: &mut Bytes<'_>) -> Result<RecentItems, Malformed> {
        let mut all = RecentItems::default();
        for _ in 0..from.len("sessions of users")? {
            let user = from.read()?;
            all.put(user, Some(Box::new(Recent::read(from, usize::MAX)?)));
        }
        Ok(all)
    }
}

/// Users that have items, in order of number, whatever was allocated or forgotten before.
impl Serialize for RecentItems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let users = self.users().map(|(user, recent)| {
            let items: Vec<(ItemId, Action)> = recent.iter().collect();
            (user, recent.newest_at, items)
        });
        serializer.collect_seq(users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(recent: &Recent) -> Vec<u32> {
        recent.iter().map(|(item, _)| item.number()).collect()
    }

    #[test]
    fn sessions_end_with_the_gap() {
        let gap = Duration::minutes(30);
        let minute = |n: i64| Instant::from_millis(0) + Duration::minutes(n);
        let mut recent = Recent::EMPTY;
        for (item, at, opened, left) in [
            (1, minute(0), true, vec![1]),
            (2, minute(30), true, vec![2, 1]),
            (3, minute(10), true, vec![3, 2, 1]), // late, but of this session; the newest instant stays
            (4, minute(-1), false, vec![3, 2, 1]),
            (5, minute(61), true, vec![5]),
        ] {
            let open = recent.open(at, gap);
            assert_eq!(open, opened, "{item}");
            if open {
                recent.push(ItemId::new(item), Action::Viewed, at);
            }
            assert_eq!(items(&recent), left);
        }
        for item in 6..20 {
            recent.push(ItemId::new(item), Action::Viewed, minute(62));
        }
        assert_eq!(items(&recent), (10..20).rev().collect::<Vec<_>>());
        assert!(size_of::<Recent>() <= 72);
    }

    #[test]
    fn forgotten_users_leave_no_trace() {
        let mut recent = RecentItems::default();
        recent.get_mut(3000).push(ItemId::new(1), Action::Bought, Instant::from_millis(5));
        let before = serde_json::to_string(&recent).unwrap();
        assert_eq!(before, r#"[[3000,5,[[1,"bought"]]]]"#);
        for user in [7, u32::MAX] {
            recent.get_mut(user).push(ItemId::new(2), Action::Viewed, Instant::from_millis(9));
            recent.take(user);
        }
        recent.take(1_000);
        assert_eq!(serde_json::to_string(&recent).unwrap(), before);
        assert!(recent.get(7).is_none() && recent.get(3000).is_some());
    }
}
