use crate::model::{Bytes, Malformed, Pieces, Record, Unchanged};
use std::sync::Arc;

/// Users that share an allocation.
const PAGE_LEN: usize = 256;

/// What is kept of users, by their dense numbers.
///
/// In pages, so that growing never copies and one large number costs a page, not all users below it. A user of whom
/// nothing is kept takes eight bytes of a page. Copies are cheap: they share the pages, and whoever changes one of a page
/// that is shared copies the page first, and that one.
#[derive(Clone, Debug)]
pub(super) struct Users<T> {
    pages: Vec<Option<Arc<Page<T>>>>,
}

type Page<T> = [Option<Arc<T>>; PAGE_LEN];

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

    /// Without what those who are kept have on the heap.
    pub(super) fn bytes(&self) -> usize {
        let pages = self.pages.iter().flatten().count();
        self.pages.capacity() * size_of::<Option<Arc<Page<T>>>>()
            + pages * size_of::<Page<T>>()
            + self.iter().count() * size_of::<T>()
    }
}

impl<T: Clone> Users<T> {
    pub(super) fn get_mut(&mut self, user: u32) -> Option<&mut T> {
        // Whoever asks in vain copies nothing.
        self.get(user)?;
        let (page, place) = split(user);
        let page = Arc::make_mut(self.pages.get_mut(page)?.as_mut()?);
        page[place].as_mut().map(Arc::make_mut)
    }

    /// Takes out what is there of a user.
    pub(super) fn take(&mut self, user: u32) -> Option<T> {
        self.get(user)?;
        let (page, place) = split(user);
        let page = Arc::make_mut(self.pages.get_mut(page)?.as_mut()?);
        page[place].take().map(Arc::unwrap_or_clone)
    }

    /// All that is kept, to be changed: copies whatever is shared.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let pages = self.pages.iter_mut().flatten().map(Arc::make_mut);
        pages.flat_map(|page| page.iter_mut()).flatten().map(Arc::make_mut)
    }
}

impl<T: Default + Clone> Users<T> {
    /// What is there of a user, to be added to.
    pub(super) fn get_or_default(&mut self, user: u32) -> &mut T {
        let (page, place) = split(user);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| Arc::new([const { None }; PAGE_LEN]));
        Arc::make_mut(Arc::make_mut(page)[place].get_or_insert_default())
    }
}

impl<T: Record + Send + Sync + 'static> Users<T> {
    /// What is to be written of them, in order of number: a page is a piece.
    pub(super) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.iter().count().write(out));
        for (number, page) in self.pages.iter().enumerate() {
            let Some(page) = page.clone() else { continue };
            pieces.push_of(Unchanged::of(&page), move |out| {
                let kept = page.iter().enumerate().filter_map(|(place, kept)| Some((place, kept.as_ref()?)));
                for (place, kept) in kept {
                    ((number * PAGE_LEN + place) as u32).write(out);
                    kept.write(out);
                }
            });
        }
    }
}

fn split(user: u32) -> (usize, usize) {
    (user as usize / PAGE_LEN, user as usize % PAGE_LEN)
}

impl<T: Record + Default + Clone> Users<T> {
    /// Reads what was written.
    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Users<T>, Malformed> {
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
        Pieces::all(|pieces| users.write_later(pieces), &mut bytes);
        let read = Users::<u64>::read(&mut Bytes::new(&bytes)).unwrap();
        assert!(read.iter().eq(users.iter()));
    }
}
