//! What items have, and which others have it too.

use crate::model::stable_hash;
use crate::recommend::ItemId;
use crate::recommend::twins::vector::{BUCKETS, Direction};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use roaring::RoaringBitmap;
use smallvec::SmallVec;

/// Most tags that count of an item: the first of them.
pub(super) const TAGS_MAX: usize = 64;
/// At how many entries of lists a search looks.
pub(super) const LOOK_MAX: u64 = 256;
/// How many lists are cut with one another where all are long.
const NARROW_MAX: usize = 8;

/// Among which items likes are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// Those that somebody touched.
    Touched,
    /// Those that are cold.
    Cold,
}

/// In which pools an item is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pools {
    pub(super) touched: bool,
    pub(super) cold: bool,
}

impl Pools {
    fn each(self) -> impl Iterator<Item = Pool> {
        let touched = self.touched.then_some(Pool::Touched);
        touched.into_iter().chain(self.cold.then_some(Pool::Cold))
    }
}

/// An item, and how alike it is: above 0, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Like {
    pub(super) item: ItemId,
    pub(super) likeness: f64,
}

/// Items by what they have: tags, and the buckets of their vectors.
///
/// Answers follow from what is described now and in which pools it is, in whatever order that came about.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// By number. Numbers of features that nothing has are used again, so no answer may show them.
    features: Vec<Feature>,
    free: Vec<u32>,
    /// By key. Its order is never seen.
    numbers: HashTable<u32>,
    hasher: ahash::RandomState,
    /// By number of the item.
    described: Vec<Option<Box<Described>>>,
    len: usize,
    revision: u64,
}

/// A tag, or a bucket.
#[derive(Clone, Debug, Default)]
struct Feature {
    key: u64,
    /// How many items have it, in pools or not.
    items: u32,
    /// The logarithm of that.
    log: f64,
    touched: RoaringBitmap,
    cold: RoaringBitmap,
}

impl Feature {
    fn pool(&self, pool: Pool) -> &RoaringBitmap {
        match pool {
            Pool::Touched => &self.touched,
            Pool::Cold => &self.cold,
        }
    }

    fn pool_mut(&mut self, pool: Pool) -> &mut RoaringBitmap {
        match pool {
            Pool::Touched => &mut self.touched,
            Pool::Cold => &mut self.cold,
        }
    }
}

#[derive(Clone, Debug)]
struct Described {
    /// Tags, in order of their keys, and then buckets.
    features: Box<[u32]>,
    tags: usize,
    direction: Option<Direction>,
    pools: Pools,
}

impl Described {
    fn tags(&self) -> &[u32] {
        &self.features[..self.tags]
    }
}

/// The key of a value of an attribute.
fn key((attribute, value): (&str, &str)) -> u64 {
    stable_hash(&[attribute.as_bytes(), value.as_bytes()]) as u64
}

impl Index {
    /// Another one after each change of what answers follow from.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// How many items are described.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn get(&self, item: ItemId) -> Option<&Described> {
        self.described.get(item.index())?.as_deref()
    }

    pub(super) fn is_described(&self, item: ItemId) -> bool {
        self.get(item).is_some()
    }

    /// Describes an item, in place of what was said of it before.
    pub(super) fn describe<'t>(
        &mut self,
        item: ItemId,
        tags: impl IntoIterator<Item = (&'t str, &'t str)>,
        vector: Option<&[f32]>,
        pools: Pools,
    ) {
        let mut keys: SmallVec<[u64; 16 + BUCKETS]> = tags.into_iter().map(key).take(TAGS_MAX).collect();
        keys.sort_unstable();
        keys.dedup();
        let tags = keys.len();
        let direction = vector.and_then(Direction::of);
        let is_same = self.get(item).is_some_and(|known| {
            let known_keys = known.tags().iter().map(|tag| self.features[*tag as usize].key);
            known.direction == direction && known_keys.eq(keys.iter().copied())
        });
        if is_same {
            return;
        }
        keys.extend(direction.iter().flat_map(Direction::buckets));
        self.withdraw(item);
        if keys.is_empty() {
            return;
        }
        let features = keys.iter().map(|key| self.feature(*key)).collect();
        if self.described.len() <= item.index() {
            self.described.resize_with(item.index() + 1, || None);
        }
        let described = Described { features, tags, direction, pools: Pools::default() };
        self.described[item.index()] = Some(Box::new(described));
        self.len += 1;
        self.revision += 1;
        self.put_into(item, pools);
    }

    /// Takes an item out; one that is not described is fine.
    pub(super) fn withdraw(&mut self, item: ItemId) {
        self.put_into(item, Pools::default());
        let Some(described) = self.described.get_mut(item.index()).and_then(Option::take) else { return };
        for number in described.features {
            let feature = &mut self.features[number as usize];
            feature.items -= 1;
            feature.log = libm::log(f64::from(feature.items));
            if feature.items == 0 {
                let hash = self.hasher.hash_one(feature.key);
                if let Ok(known) = self.numbers.find_entry(hash, |known| *known == number) {
                    known.remove();
                }
                *feature = Feature::default();
                self.free.push(number);
            }
        }
        self.len -= 1;
        self.revision += 1;
    }

    /// Puts an item into pools, and takes it out of others.
    pub(super) fn put_into(&mut self, item: ItemId, pools: Pools) {
        let Index { features, described, revision, .. } = self;
        let Some(described) = described.get_mut(item.index()).and_then(Option::as_deref_mut) else { return };
        if described.pools == pools {
            return;
        }
        *revision += 1;
        for number in &described.features {
            let feature = &mut features[*number as usize];
            for pool in described.pools.each() {
                feature.pool_mut(pool).remove(item.number());
            }
            for pool in pools.each() {
                feature.pool_mut(pool).insert(item.number());
            }
        }
        described.pools = pools;
    }

    /// The number of a feature that one more item has.
    fn feature(&mut self, key: u64) -> u32 {
        let Index { features, free, numbers, hasher, .. } = self;
        let place = numbers.entry(
            hasher.hash_one(key),
            |number| features[*number as usize].key == key,
            |number| hasher.hash_one(features[*number as usize].key),
        );
        let number = match place {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let number = free.pop().unwrap_or_else(|| {
                    features.push(Feature::default());
                    features.len() as u32 - 1
                });
                features[number as usize].key = key;
                place.insert(number);
                number
            }
        };
        let feature = &mut features[number as usize];
        feature.items += 1;
        feature.log = libm::log(f64::from(feature.items));
        number
    }

    // --- questions

    /// The items of a pool that are most like one, best first: likeness, then those known longest, of cold ones those
    /// known shortest.
    ///
    /// Looks at 256 entries of lists at most, the rarest features first; where what is left is longer, at those that have
    /// most in common. So it misses nothing where no more than that share anything. O(256 · tags).
    pub(super) fn nearest(&self, item: ItemId, pool: Pool, limit: usize) -> Vec<Like> {
        let Some(own) = self.get(item) else { return Vec::new() };
        let measure = Measure::new(self, own);
        let candidates = self.candidates(own, pool);
        let others = candidates.into_iter().filter(|other| *other != item.number()).map(ItemId::new);
        let mut likes: Vec<Like> = others
            .filter_map(|item| Some(Like { item, likeness: measure.likeness(self.get(item)?) }))
            .filter(|like| like.likeness > 0.0)
            .collect();
        likes.sort_unstable_by(|a, b| {
            let order = b.likeness.total_cmp(&a.likeness);
            order.then_with(|| match pool {
                Pool::Touched => a.item.cmp(&b.item),
                Pool::Cold => b.item.cmp(&a.item),
            })
        });
        likes.truncate(limit);
        likes
    }

    fn candidates(&self, own: &Described, pool: Pool) -> Vec<u32> {
        let lists = own.features.iter().map(|number| self.features[*number as usize].pool(pool));
        let mut lists: SmallVec<[(u64, &RoaringBitmap); 32]> = lists.map(|list| (list.len(), list)).collect();
        // Of lists of one length the order of their keys decides.
        lists.sort_by_key(|(len, _)| *len);
        let mut found: Vec<u32> = Vec::new();
        let mut left = LOOK_MAX;
        let is_short = |len: u64, left: &mut u64| {
            let is_short = len <= *left;
            *left -= if is_short { len } else { 0 };
            is_short
        };
        let short = lists.iter().take_while(|(len, _)| is_short(*len, &mut left)).count();
        found.extend(lists[..short].iter().flat_map(|(_, list)| list.iter()));
        if let Some((_, next)) = lists.get(short) {
            let others = lists.iter().map(|(_, list)| *list).filter(|list| !std::ptr::eq(*list, *next));
            for narrow in narrowed(next, others, left).iter().rev() {
                match pool {
                    Pool::Touched => found.extend(narrow.iter().take(left as usize)),
                    Pool::Cold => found.extend(narrow.iter().rev().take(left as usize)),
                }
                left = left.saturating_sub(narrow.len());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How much a feature counts: the less, the more items have it. What one item alone has counts nothing.
    fn weight(&self, number: u32, all: f64) -> f64 {
        let feature = &self.features[number as usize];
        if feature.items > 1 { all - feature.log } else { 0.0 }
    }

    /// Bytes on the heap, roughly. O(items + features).
    pub(super) fn bytes(&self) -> usize {
        let of = |described: &Described| {
            size_of::<Described>()
                + described.features.len() * size_of::<u32>()
                + described.direction.as_ref().map_or(0, Direction::bytes)
        };
        let lists = |feature: &Feature| feature.touched.serialized_size() + feature.cold.serialized_size();
        self.described.iter().flatten().map(|described| of(described)).sum::<usize>()
            + self.described.capacity() * size_of::<Option<Box<Described>>>()
            + self.features.iter().map(lists).sum::<usize>()
            + self.features.capacity() * size_of::<Feature>()
            + self.numbers.allocation_size()
    }
}

/// What a list has in common with others, with one more of them each time, until it is short.
fn narrowed<'l>(
    list: &RoaringBitmap,
    others: impl Iterator<Item = &'l RoaringBitmap>,
    short: u64,
) -> Vec<RoaringBitmap> {
    let mut chain = vec![list.clone()];
    for other in others.take(NARROW_MAX) {
        let last = &chain[chain.len() - 1];
        if last.len() <= short {
            break;
        }
        let narrower = last & other;
        if !narrower.is_empty() && narrower.len() < last.len() {
            chain.push(narrower);
        }
    }
    chain
}

/// How alike items are to one: by the cosine of their vectors where both have one, else by that of their tags, each
/// weighted by how rare it is, `ln(2 N / n)` of `N` items.
struct Measure<'a> {
    index: &'a Index,
    own: &'a Described,
    all: f64,
    norm: f64,
}

impl<'a> Measure<'a> {
    fn new(index: &'a Index, own: &'a Described) -> Measure<'a> {
        let all = libm::log(2.0 * index.len as f64);
        let norm = own.tags().iter().map(|tag| index.weight(*tag, all)).map(|weight| weight * weight).sum();
        Measure { index, own, all, norm }
    }

    fn likeness(&self, other: &Described) -> f64 {
        if let (Some(one), Some(other)) = (&self.own.direction, &other.direction) {
            return one.likeness(other);
        }
        let (mut common, mut norm) = (0.0, 0.0);
        for tag in other.tags() {
            let weight = self.index.weight(*tag, self.all);
            norm += weight * weight;
            if self.own.tags().contains(tag) {
                common += weight * weight;
            }
        }
        if common > 0.0 { (common / (self.norm * norm).sqrt()).min(1.0) } else { 0.0 }
    }
}
