use crate::model::{Bytes, Malformed, Record};

/// Users that share an allocation.
const PAGE_LEN: usize = 1_024;

/// What is kept of users, by their dense numbers.
///
/// In pages, so that growing never copies and one large number costs a page, not all users below it. A user of whom
/// nothing is kept takes eight bytes of a page.
#[derive(Clone, Debug)]
pub(super) struct Users<T> {
    pages: Vec<Option<Page<T>>>,
}

type Page<T> = Box<[Option<Box<T>>]>;

impl<T> Default for Users<T> {
    fn default() -> Users<T> {
        Users { pages: Vec::new() }
    }
}

impl<T> Users<T> {
    pub(super) fn get(&self, user: u32) -> Option<&T> {
        let (page, place) = split(user);
        self.pages.get(page)?.as_ref()?.get(place)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, user: u32) -> Option<&mut T> {
        let (page, place) = split(user);
        self.pages.get_mut(page)?.as_mut()?.get_mut(place)?.as_deref_mut()
    }

    /// Takes out what is there of a user.
    pub(super) fn take(&mut self, user: u32) -> Option<Box<T>> {
        let (page, place) = split(user);
        self.pages.get_mut(page)?.as_mut()?.get_mut(place)?.take()
    }

    /// The first user at or after a number of whom something is kept.
    pub(super) fn next_from(&self, user: u32) -> Option<u32> {
        let (page, place) = split(user);
        let pages = self.pages.iter().enumerate().skip(page);
        pages.filter_map(|(number, users)| Some((number, users.as_ref()?))).find_map(|(number, users)| {
            let skipped = if number == page { place } else { 0 };
            let found = users[skipped..].iter().position(Option::is_some)?;
            Some((number * PAGE_LEN + skipped + found) as u32)
        })
    }

    /// Users of whom something is kept, in order of number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().flat_map(|(number, page)| {
            let page = page.iter().flat_map(|page| page.iter()).enumerate();
            page.filter_map(move |(place, kept)| Some(((number * PAGE_LEN + place) as u32, kept.as_deref()?)))
        })
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten().flat_map(|page| page.iter_mut()).flatten().map(|kept| &mut **kept)
    }

    /// Without what those who are kept have on the heap.
    pub(super) fn bytes(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        self.pages.capacity() * size_of::<Option<Page<T>>>()
            + pages * PAGE_LEN * size_of::<Option<Box<T>>>()
            + self.iter().count() * size_of::<T>()
    }
}

impl<T: Default> Users<T> {
    /// What is there of a user, to be added to.
    pub(super) fn get_or_default(&mut self, user: u32) -> &mut T {
        let (page, place) = split(user);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let empty = || (0..PAGE_LEN).map(|_| None).collect();
        self.pages[page].get_or_insert_with(empty)[place].get_or_insert_default()
    }
}

fn split(user: u32) -> (usize, usize) {
    (user as usize / PAGE_LEN, user as usize % PAGE_LEN)
}

/// Users in order of number, whatever was allocated or forgotten before.
impl<T: Record + Default> Record for Users<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().count().write(out);
        for (user, kept) in self.iter() {
            user.write(out);
            kept.write(out);
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Users<T>, Malformed> {
        let mut users = Users::default();
        for _ in 0..from.len("users")? {
            let user = from.read()?;
            *users.get_or_default(user) = from.read()?;
        }
        Ok(users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_in_order() {
        let mut users = Users::<u64>::default();
        for user in [3_000, 7, u32::MAX, 1_024] {
            *users.get_or_default(user) = u64::from(user);
        }
        assert_eq!(users.iter().map(|(user, _)| user).collect::<Vec<_>>(), [7, 1_024, 3_000, u32::MAX]);
        for (from, next) in [(0, 7), (7, 7), (8, 1_024), (1_025, 3_000), (3_001, u32::MAX)] {
            assert_eq!(users.next_from(from), Some(next));
        }
        users.take(u32::MAX);
        assert_eq!(users.next_from(3_001), None);
        assert_eq!((users.get(7), users.get(8)), (Some(&7), None));

        let mut bytes = Vec::new();
        users.write(&mut bytes);
        let read = Users::<u64>::read(&mut Bytes::new(&bytes)).unwrap();
        assert!(read.iter().eq(users.iter()));
    }
}
