use crate::model::Instant;
use crate::recommend::ItemId;

/// What re-ranking has to know of items, and of the user who asks: whoever calls it supplies it.
///
/// Rules, lists and attributes have the names that were given to [`Rerank`](crate::recommend::Rerank). Every method is
/// optional: what is not said holds for no item. Answers must not change while a list is made.
///
/// ```
/// use bespoke::recommend::{Facts, ItemId, Items};
/// /// A shop that knows what is sold out.
/// struct Shop { sold_out: Vec<ItemId> }
/// impl Facts for Shop {
///     fn holds(&self, item: ItemId, rule: &str) -> bool {
///         rule == "sold out" && self.sold_out.contains(&item)
///     }
/// }
/// ```
pub trait Facts {
    /// Whether a rule holds for an item, or whether the item is on the list of this name: in stock, bought by the user.
    fn holds(&self, item: ItemId, rule: &str) -> bool {
        let _ = (item, rule);
        false
    }

    /// Calls `each` with every value of an attribute of an item; not at all where it has none.
    fn attribute(&self, item: ItemId, name: &str, each: &mut dyn FnMut(&str)) {
        let _ = (item, name, each);
    }

    /// How often the user was shown the item since an instant without choosing it.
    fn impressions(&self, item: ItemId, since: Instant) -> u32 {
        let _ = (item, since);
        0
    }

    /// Which of these items to try at a place that is kept for it, by its place among them, and how probable it was that it
    /// would be this one: see [`Explorer`](crate::recommend::Explorer).
    fn choose(&self, items: &[ItemId], seed: u64) -> Option<(usize, f64)> {
        let _ = (items, seed);
        None
    }

    /// How alike two items are, from 0 to 1: by tags, attributes or vectors, and the same in both directions. What is
    /// beyond is cut, and what is no number is 0. See [`jaccard`] and [`cosine`].
    fn similarity(&self, one: ItemId, other: ItemId) -> f64 {
        let _ = (one, other);
        0.0
    }
}

/// Nothing is known of anything.
impl Facts for () {}

/// How alike two lists of tags are, each sorted and without repetition: the share of common ones in all. 0 where both are
/// empty.
///
/// ```
/// assert_eq!(bespoke::recommend::jaccard(&[1, 4, 9], &[4, 9, 12, 20]), 0.4);
/// ```
#[must_use]
pub fn jaccard<T: Ord>(one: &[T], other: &[T]) -> f64 {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let (mut common, mut all) = (0_u32, 0_u32);
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        let order = a.cmp(b);
        common += u32::from(order.is_eq());
        all += 1;
        if order.is_le() {
            one.next();
        }
        if order.is_ge() {
            other.next();
        }
    }
    all += one.count() as u32 + other.count() as u32;
    if all == 0 { 0.0 } else { f64::from(common) / f64::from(all) }
}

/// How alike the directions of two vectors are; of opposite ones, of a zero vector and where lengths differ, not at all: 0.
///
/// ```
/// assert_eq!(bespoke::recommend::cosine(&[3.0, 4.0], &[6.0, 8.0]), 1.0);
/// assert_eq!(bespoke::recommend::cosine(&[1.0, 0.0], &[-1.0, 0.0]), 0.0);
/// ```
#[must_use]
pub fn cosine(one: &[f32], other: &[f32]) -> f64 {
    if one.len() != other.len() {
        return 0.0;
    }
    let (mut product, mut a, mut b) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        product += x * y;
        a += x * x;
        b += y * y;
    }
    if product > 0.0 { (product / (a.sqrt() * b.sqrt())).min(1.0) } else { 0.0 }
}
