use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record, Unchanged};
use crate::recommend::ItemId;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Impressions that wait for an answer at most; of more the oldest counts as not chosen.
pub(super) const WAITING_MAX: usize = 1 << 16;
/// Impressions that are copied together when one of them is answered while a copy is held.
const CHUNK: u64 = 256;

/// What users were shown and may yet choose, within a window after it. What is to be written of it shares it.
///
/// Invariants: 1. impressions have numbers in the order in which they came; those from `first` on, to `next`, are in
/// `chunks`, of which each has those whose numbers are the same by `CHUNK`. 2. those before `first` are answered. 3. `open`
/// has the impressions that are not answered, and no other.
#[derive(Clone, Debug)]
pub(super) struct Impressions {
    window: Duration,
    chunks: VecDeque<Arc<Vec<Impression>>>,
    first: u64,
    next: u64,
    /// The number of the impression that waits, by user and item.
    open: HashMap<(u32, ItemId), u64, ahash::RandomState>,
}

/// A user was shown an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Impression {
    user: u32,
    pub(super) item: ItemId,
    pub(super) at: Instant,
    /// What was known of the item there.
    pub(super) features: Box<[f32]>,
    is_answered: bool,
}

impl Impressions {
    pub(super) fn new(window: Duration) -> Impressions {
        Impressions { window, chunks: VecDeque::new(), first: 0, next: 0, open: HashMap::default() }
    }

    /// The oldest impression that can be chosen no more, and was not; none where all that are left still can be.
    pub(super) fn take_missed(&mut self, now: Instant) -> Option<Impression> {
        while self.get(self.first).is_some_and(|first| first.is_answered || first.at + self.window < now) {
            if let Some(missed) = self.close_first() {
                return Some(missed);
            }
        }
        None
    }

    /// Whether the user was shown the item and may yet choose it, which counts once however often it is told.
    pub(super) fn is_open(&self, user: u32, item: ItemId) -> bool {
        self.open.contains_key(&(user, item))
    }

    /// Has an impression wait that does not wait yet. Gives the one that had to make room, where it was not chosen.
    pub(super) fn wait(
        &mut self,
        user: u32,
        item: ItemId,
        at: Instant,
        features: Box<[f32]>,
    ) -> Option<Impression> {
        // What is answered takes no place: nothing of it is written, so nothing may follow from it.
        let missed = if self.open.len() >= WAITING_MAX { self.close_oldest() } else { None };
        if self.next - self.first >= 2 * WAITING_MAX as u64 {
            self.renumber();
        }
        self.open.insert((user, item), self.next);
        let impression = Impression { user, item, at, features, is_answered: false };
        match self.chunks.back_mut() {
            Some(chunk) if !self.next.is_multiple_of(CHUNK) => Arc::make_mut(chunk).push(impression),
            _ => self.chunks.push_back(Arc::new(vec![impression])),
        }
        self.next += 1;
        missed
    }

    /// The impression of what a user chose; none where it was not shown, or too long ago.
    pub(super) fn take_chosen(&mut self, user: u32, item: ItemId) -> Option<Impression> {
        let number = self.open.remove(&(user, item))?;
        self.get_mut(number).map(Impression::answer)
    }

    /// Drops what waits for a user to choose, as if it had not been shown.
    pub(super) fn forget(&mut self, user: u32) {
        let is_of_user = |impression: &Impression| impression.user == user && !impression.is_answered;
        for chunk in self.chunks.iter_mut().filter(|chunk| chunk.iter().any(is_of_user)) {
            for impression in Arc::make_mut(chunk).iter_mut().filter(|impression| is_of_user(impression)) {
                self.open.remove(&(user, impression.item));
                impression.answer();
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let features = |impression: &Impression| size_of_val(&*impression.features);
        let chunk = |chunk: &Arc<Vec<Impression>>| {
            chunk.capacity() * size_of::<Impression>() + chunk.iter().map(features).sum::<usize>()
        };
        self.chunks.iter().map(chunk).sum::<usize>()
            + self.open.capacity() * size_of::<((u32, ItemId), u64)>()
    }

    /// What is to be written of it: a chunk is a piece.
    pub(super) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.open.len().write(out));
        for chunk in &self.chunks {
            let (of, chunk) = (Unchanged::of(chunk), Arc::clone(chunk));
            pieces.push_of(of, move |out| {
                for Impression { user, item, at, features, .. } in chunk.iter().filter(|own| !own.is_answered)
                {
                    (*user, item.number(), *at).write(out);
                    features.len().write(out);
                    features.iter().for_each(|feature| feature.write(out));
                }
            });
        }
    }

    /// Reads what was written with the same window and about so many items.
    pub(super) fn read(&self, from: &mut Bytes<'_>, items: usize) -> Result<Impressions, Malformed> {
        let mut read = Impressions::new(self.window);
        for _ in 0..from.valid("impressions", |len: &usize| *len <= WAITING_MAX)? {
            let user = from.read()?;
            let item = from.valid("an item", |number: &u32| (*number as usize) < items).map(ItemId::new)?;
            if read.is_open(user, item) {
                return Err(from.malformed("an impression that waits once"));
            }
            let at = from.read()?;
            let features: Vec<f32> = from.valid("what was known of an item", |features: &Vec<f32>| {
                features.iter().all(|feature| feature.is_finite())
            })?;
            read.wait(user, item, at, features.into());
        }
        Ok(read)
    }

    /// The chunk of a number, and its place in it.
    fn place(&self, number: u64) -> (usize, usize) {
        ((number / CHUNK - self.first / CHUNK) as usize, (number % CHUNK) as usize)
    }

    /// The impression of a number from `first` on.
    fn get(&self, number: u64) -> Option<&Impression> {
        let (chunk, place) = self.place(number);
        self.chunks.get(chunk)?.get(place)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Impression> {
        let (chunk, place) = self.place(number);
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(place)
    }

    /// Takes leave of the oldest impression that is not answered, and of those before it.
    fn close_oldest(&mut self) -> Option<Impression> {
        while self.first < self.next {
            if let Some(missed) = self.close_first() {
                return Some(missed);
            }
        }
        None
    }

    /// Drops those that are answered between others, so that they take no more memory than those that wait.
    fn renumber(&mut self) {
        let mut left = Impressions::new(self.window);
        let waiting = self.chunks.iter().flat_map(|chunk| chunk.iter()).filter(|own| !own.is_answered);
        for Impression { user, item, at, features, .. } in waiting {
            left.wait(*user, *item, *at, features.clone());
        }
        *self = left;
    }

    /// Takes leave of the oldest impression; gives it where it was not answered.
    fn close_first(&mut self) -> Option<Impression> {
        let is_open = !self.get(self.first)?.is_answered;
        let missed = if is_open { self.get_mut(self.first).map(Impression::answer) } else { None };
        self.first += 1;
        if self.first.is_multiple_of(CHUNK) {
            self.chunks.pop_front();
        }
        if let Some(missed) = &missed {
            self.open.remove(&(missed.user, missed.item));
        }
        missed
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        ((self.next - self.first) as usize, self.open.len())
    }

    /// Drops what was known of items where it was another thing.
    pub(super) fn drop_features(&mut self) {
        for chunk in &mut self.chunks {
            Arc::make_mut(chunk).iter_mut().for_each(|impression| impression.features = Box::default());
        }
    }
}

impl Impression {
    /// It counts no more; gives it as it was.
    fn answer(&mut self) -> Impression {
        self.is_answered = true;
        Impression { features: std::mem::take(&mut self.features), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is answered makes no room, and takes none: one that was read goes on as the one that was written.
    #[test]
    fn how_many_wait_follows_from_what_is_written() {
        let mut own = Impressions::new(Duration::minutes(30));
        let (at, none) = (Instant::from_millis(0), || Box::default());
        assert_eq!(own.wait(0, ItemId::new(0), at, none()), None);
        for number in 0..3 * WAITING_MAX as u32 {
            assert_eq!(own.wait(1, ItemId::new(number), at, none()), None);
            assert!(own.take_chosen(1, ItemId::new(number)).is_some());
            assert!(own.len().0 <= 2 * WAITING_MAX && own.len().1 == 1);
        }
        let mut read = own.read(&mut Bytes::new(&written(&own)), 1).unwrap();
        for number in 0..WAITING_MAX as u32 + 5 {
            let missed = own.wait(2, ItemId::new(number), at, none());
            assert_eq!(
                missed.as_ref().map(|missed| (missed.user, missed.item)),
                match number.checked_sub(WAITING_MAX as u32 - 1) {
                    Some(0) => Some((0, ItemId::new(0))),
                    Some(more) => Some((2, ItemId::new(more - 1))),
                    None => None,
                }
            );
            assert_eq!(read.wait(2, ItemId::new(number), at, none()), missed);
        }
        assert!(written(&read) == written(&own));
    }

    /// What waits, in order, and nothing else.
    #[derive(Default, Clone)]
    struct Naive(Vec<(u32, u32, i64)>);

    fn written(impressions: &Impressions) -> Vec<u8> {
        let mut bytes = Vec::new();
        Pieces::all(|pieces| impressions.write_later(pieces), &mut bytes);
        bytes
    }

    fn told(impression: &Impression) -> (u32, u32, i64) {
        assert_eq!(*impression.features, [impression.at.as_millis() as f32]);
        (impression.user, impression.item.number(), impression.at.as_millis())
    }

    #[test]
    fn what_waits_is_a_list_and_a_copy_stays_as_it_was() {
        let mut dice = fastrand::Rng::with_seed(8);
        let window = Duration::from_millis(400);
        let (mut impressions, mut naive) = (Impressions::new(window), Naive::default());
        let mut copies: Vec<(Pieces, Vec<u8>)> = Vec::new();
        for step in 0..20_000_i64 {
            // Now and then many wait, and now and then few.
            let now = Instant::from_millis(step + if step % 5_000 == 4_999 { 1_000 } else { 0 });
            let (user, item) = (dice.u32(0..30), dice.u32(0..30));
            match dice.u32(0..100) {
                0..75 if !impressions.is_open(user, ItemId::new(item)) => {
                    let features = [now.as_millis() as f32].into();
                    assert_eq!(impressions.wait(user, ItemId::new(item), now, features), None);
                    naive.0.push((user, item, now.as_millis()));
                }
                0..95 => {
                    let place = naive.0.iter().position(|own| (own.0, own.1) == (user, item));
                    let chosen = impressions.take_chosen(user, ItemId::new(item));
                    assert_eq!(chosen.as_ref().map(told), place.map(|place| naive.0.remove(place)));
                }
                95..97 => {
                    impressions.forget(user);
                    naive.0.retain(|own| own.0 != user);
                }
                97 => {
                    let mut pieces = Pieces::default();
                    impressions.write_later(&mut pieces);
                    copies.push((pieces, written(&impressions)));
                }
                98 => {
                    let bytes = written(&impressions);
                    impressions = impressions.read(&mut Bytes::new(&bytes), 30).unwrap();
                    assert_eq!(written(&impressions), bytes);
                }
                _ => {
                    while let Some(missed) = impressions.take_missed(now) {
                        assert_eq!(told(&missed), naive.0.remove(0));
                    }
                    assert!(naive.0.first().is_none_or(|own| Instant::from_millis(own.2) + window >= now));
                }
            }
            assert_eq!(impressions.len().1, naive.0.len());
            if copies.len() > 3 {
                let (mut pieces, expected) = copies.swap_remove(dice.usize(0..copies.len()));
                let mut bytes = Vec::new();
                pieces.write_some(usize::MAX, &mut bytes);
                assert!(bytes == expected);
            }
        }
        let waiting: Vec<_> = std::iter::from_fn(|| impressions.take_missed(Instant::MAX)).collect();
        assert!(waiting.iter().map(told).eq(naive.0));
    }
}
