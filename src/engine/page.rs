//! Index pages of a checkpoint: who there is, and where what is known of each is to be read.

use crate::model::{Bytes, Instant, Malformed, Record, write_text};
use crate::profile::IdKind;
use crate::storage::{Place, Slot};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// Users in an index page of a checkpoint: what is captured at once before one of them changes.
pub(super) const PAGE_USERS: u32 = 64;

/// What the ids of a user in an index page are sealed for.
pub(super) const IDS: &[u8] = b"ids";

/// What an index page says of a user.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Place in the page.
    pub(super) place_in_page: u8,
    pub(super) slots: SmallVec<[Slot; 2]>,
    pub(super) record: Place,
    pub(super) deadline: Instant,
    /// Its [`Names`], sealed.
    pub(super) ids: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Entry { place_in_page, slots, record, deadline, ids } = self;
        place_in_page.write(out);
        slots.write(out);
        record.write(out);
        deadline.write(out);
        ids.len().write(out);
        out.extend_from_slice(ids);
    }

    fn read(from: &mut Bytes<'a>) -> Result<Entry<'a>, Malformed> {
        let place_in_page = from.read()?;
        let mut slots = SmallVec::new();
        for _ in 0..from.len("the keys of a user")? {
            slots.push(from.read()?);
        }
        let (record, deadline) = (from.read()?, from.read()?);
        let len = from.len("the ids of a user")?;
        Ok(Entry { place_in_page, slots, record, deadline, ids: from.take(len, "the ids of a user")? })
    }
}

/// Reads a page user by user: the number of its entries, and these.
pub(super) fn read_page(
    bytes: &[u8],
) -> Result<impl Iterator<Item = Result<Entry<'_>, Malformed>>, Malformed> {
    let mut from = Bytes::new(bytes);
    let len = from.len("an index page")?;
    if len == 0 {
        from.end()?;
    }
    Ok((1..=len).map(move |number| {
        let entry = Entry::read(&mut from)?;
        if number == len {
            from.end()?;
        }
        Ok(entry)
    }))
}

/// The name of a user, and its ids.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) name: SmolStr,
    /// A long name and the id that it comes from are one text in memory.
    pub(super) ids: SmallVec<[(IdKind, SmolStr); 2]>,
}

/// Writes a name and ids as [`Names`] are read.
pub(super) fn write_names<'i>(
    name: &str,
    ids: impl ExactSizeIterator<Item = (IdKind, &'i str)>,
    out: &mut Vec<u8>,
) {
    write_text(name, out);
    ids.len().write(out);
    for (kind, id) in ids {
        kind.write(out);
        write_text(id, out);
    }
}

impl Names {
    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Names, Malformed> {
        let name = SmolStr::from(from.text()?);
        let mut ids = SmallVec::new();
        for _ in 0..from.len("ids")? {
            let (kind, id) = (from.read()?, from.text()?);
            ids.push((kind, if *id == *name { name.clone() } else { id.into() }));
        }
        Ok(Names { name, ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than what a text holds in itself.
    const LONG: &str = "ada-lovelace@countess.example";

    fn page() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut names = Vec::new();
        write_names(LONG, [(IdKind::User, LONG), (IdKind::Anonymous, "phone")].into_iter(), &mut names);
        2_usize.write(&mut bytes);
        for place_in_page in [3, 5] {
            let slots = (1..place_in_page).map(|slot| Slot(u32::from(slot))).collect();
            let deadline = Instant::from_millis(7);
            Entry { place_in_page, slots, record: Place::NONE, deadline, ids: &names }.write(&mut bytes);
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = page();
        let entries: Vec<Entry<'_>> = read_page(&bytes).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(entries.iter().map(|entry| entry.place_in_page).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(entries[1].slots.len(), 4);
        let Names { name, ids } = Names::read(&mut Bytes::new(entries[0].ids)).unwrap();
        assert_eq!((&*name, ids.len(), &*ids[1].1), (LONG, 2, "phone"));
        assert_eq!(name.as_ptr(), ids[0].1.as_ptr(), "one text in memory");
    }

    #[test]
    fn what_is_cut_off_or_too_much_is_an_error() {
        let bytes = page();
        for len in 0..bytes.len() {
            let is_whole = read_page(&bytes[..len]).is_ok_and(|mut page| page.all(|entry| entry.is_ok()));
            assert!(!is_whole, "cut to {len}");
        }
        for more in [&bytes[..], &[0]] {
            let more = [more, &[0]].concat();
            assert!(read_page(&more).map_or(true, |mut page| page.any(|entry| entry.is_err())));
        }
    }
}
