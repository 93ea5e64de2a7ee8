use crate::model::{Bytes, Malformed, Pieces, Record, Shared, write_text};
use crate::recommend::Error;
use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Serialize, Serializer};

/// Most items that one [`Items`] numbers.
pub const ITEMS_MAX: usize = 1 << 24;
/// Longest text id of an item, in bytes.
pub const ITEM_BYTES_MAX: usize = 200;

/// Dense number of an item, by first sight. Made by [`Items`] only, and meaningful only beside it.
///
/// ```
/// use bespoke::recommend::Items;
/// let mut items = Items::new();
/// let (boot, sock) = (items.intern("boot-7")?, items.intern("sock-1")?);
/// let prices = [129.0, 12.5]; // the host's own list, with an entry per item
/// assert_eq!((sock.number(), prices[sock.index()]), (1, 12.5));
/// assert!(boot < sock); // it was seen first
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ItemId(u32);

impl ItemId {
    pub(crate) const fn new(number: u32) -> ItemId {
        ItemId(number)
    }

    /// The number: 0 for the item seen first, below [`ITEMS_MAX`].
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The same as an index into a list with an entry per item.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// A hash: the numbers are dense and ours, so that spreading them is enough (Fibonacci hashing, Knuth 6.4).
    pub(crate) fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The items of a partition: their text ids, numbered in the order in which they were first seen.
///
/// The numbers follow from the inputs alone, so a replay gives the same ones. An item never leaves: an
/// id that a catalogue no longer has stays known until the engine is rebuilt.
///
/// Looking up costs O(length of the id); memory is the text and about 40 bytes an item.
///
/// ```
/// use bespoke::recommend::Items;
/// let mut items = Items::new();
/// let boot = items.intern("boot-7")?;
/// assert_eq!(items.intern("boot-7")?, boot);
/// assert_eq!((items.get("boot-7"), items.get("sock-1")), (Some(boot), None));
/// assert_eq!(items.name(boot), Some("boot-7"));
/// # Ok::<(), bespoke::recommend::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Items {
    names: Shared<Box<str>, 256>,
    /// Numbers, found by the hash of the name. Its order is never seen.
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Items {
    /// Without any items.
    #[must_use]
    pub fn new() -> Items {
        Items::default()
    }

    /// The number of an item; a new one gets the next.
    ///
    /// # Errors
    /// [`Error::ItemEmpty`], [`Error::ItemTooLong`] or, for the item after [`ITEMS_MAX`], [`Error::ItemsFull`].
    pub fn intern(&mut self, name: &str) -> Result<ItemId, Error> {
        let Items { names, numbers, hasher } = self;
        let hash = hasher.hash_one(name);
        let place = numbers.entry(
            hash,
            |&number| *names[number as usize] == *name,
            |&number| hasher.hash_one(&*names[number as usize]),
        );
        match place {
            Entry::Occupied(known) => Ok(ItemId(*known.get())),
            Entry::Vacant(_) if name.is_empty() => Err(Error::ItemEmpty),
            Entry::Vacant(_) if name.len() > ITEM_BYTES_MAX => Err(Error::ItemTooLong(name.len())),
            Entry::Vacant(_) if names.len() >= ITEMS_MAX => Err(Error::ItemsFull),
            Entry::Vacant(free) => {
                let number = u32::try_from(names.len()).expect("`ITEMS_MAX` fits into 32 bits");
                free.insert(number);
                names.push(name.into());
                Ok(ItemId(number))
            }
        }
    }

    /// The number of an item that was seen.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ItemId> {
        let same = |&number: &u32| *self.names[number as usize] == *name;
        self.numbers.find(self.hasher.hash_one(name), same).map(|&number| ItemId(number))
    }

    /// The text id of an item; none for the number of another, longer [`Items`].
    #[must_use]
    pub fn name(&self, item: ItemId) -> Option<&str> {
        self.names.get(item.index()).map(|name| &**name)
    }

    /// The item of a [`number`](ItemId::number), where there is one: for recommenders that keep numbers.
    #[must_use]
    pub fn at(&self, number: u32) -> Option<ItemId> {
        ((number as usize) < self.names.len()).then_some(ItemId(number))
    }

    /// Items and their text ids, in order of number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ItemId, &str)> {
        (0..self.names.len() as u32).map(|number| (ItemId(number), &*self.names[number as usize]))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bytes on the heap, without what the allocator adds. O(items).
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts: usize = self.names.iter().map(|name| name.len()).sum();
        texts + self.names.bytes() + self.numbers.allocation_size()
    }
}

impl Items {
    /// What is to be written of them.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.names.len().write(out));
        self.names.write_later(0, |name, out| write_text(name, out), pieces);
    }
}

/// The names in order of number.
impl Record for Items {
    fn write(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.write_later(pieces), out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Items, Malformed> {
        let mut items = Items::new();
        for number in 0..from.len("items")? {
            let name = from.text()?;
            if items.intern(name).is_ok_and(|item| item.index() == number) {
                continue;
            }
            return Err(from.malformed("the id of an item"));
        }
        Ok(items)
    }
}

/// The names in order of number: the same inputs give the same bytes.
impl Serialize for Items {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_by_first_sight() {
        let mut items = Items::new();
        for name in ["b", "a", "b", "0", "c", "a"] {
            items.intern(name).unwrap();
        }
        let seen: Vec<_> = items.iter().map(|(item, name)| (item.number(), name)).collect();
        assert_eq!(seen, [(0, "b"), (1, "a"), (2, "0"), (3, "c")]);
        assert_eq!(serde_json::to_string(&items).unwrap(), r#"["b","a","0","c"]"#);
        assert_eq!((items.at(3), items.at(4)), (items.get("c"), None));
    }

    #[test]
    fn bad_ids_change_nothing() {
        let mut items = Items::new();
        assert_eq!(items.intern(""), Err(Error::ItemEmpty));
        assert_eq!(items.intern(&"x".repeat(201)), Err(Error::ItemTooLong(201)));
        assert!(items.is_empty());
        assert!(items.intern(&"x".repeat(200)).is_ok());
    }
}
