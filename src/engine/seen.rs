use crate::model::{Bytes, Duration, Instant, Malformed, Numbers, Pieces, Record, Shared, stable_hash};

/// The ids of messages that were taken, as 128-bit hashes, so that a second copy is ignored.
///
/// Two generations, each as long as the window: an id is known for at least one window and at most two, and what is
/// older costs nothing.
///
/// A store writes what is new in chunks, and reads them back in the order in which they were written. A chunk tells
/// of which generations it is, and can go once these are no more.
#[derive(Debug, Clone)]
pub(crate) struct SeenMessages {
    window: Duration,
    young: Generation,
    old: Generation,
    hasher: ahash::RandomState,
}

/// Ids in the order in which they came.
#[derive(Debug, Clone)]
struct Generation {
    number: u64,
    began: Instant,
    hashes: Shared<u128, 2_048>,
    /// Places in `hashes`, by the hash. Its order is never seen.
    places: Numbers,
    /// How many of `hashes` are in chunks.
    written: usize,
}

/// How far a chunk goes, for [`SeenMessages::set_written`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// The youngest generation of which it is.
    pub(crate) generation: u64,
    len: usize,
    /// The oldest generation of which anything was known: chunks of older ones alone are of no use to it.
    pub(crate) oldest: u64,
}

impl Generation {
    fn new(number: u64, began: Instant) -> Generation {
        Generation { number, began, hashes: Shared::default(), places: Numbers::default(), written: 0 }
    }

    fn contains(&self, hash: u128, hasher: &ahash::RandomState) -> bool {
        let same = |place: &u32| self.hashes[*place as usize] == hash;
        self.places.find(hasher.hash_one(hash), same).is_some()
    }

    /// Notes a hash; false if it is there.
    fn insert(&mut self, hash: u128, hasher: &ahash::RandomState) -> bool {
        if self.contains(hash, hasher) {
            return false;
        }
        let Generation { hashes, places, .. } = self;
        let place = u32::try_from(hashes.len()).expect("four thousand million ids exceed any memory");
        hashes.push(hash);
        places.insert(hasher.hash_one(hash), place, |place| hasher.hash_one(hashes[*place as usize]));
        true
    }

    fn write_later(&self, first: usize, pieces: &mut Pieces) {
        pieces.push_now(|out| (self.number, self.began, self.hashes.len() - first).write(out));
        self.hashes.write_later(first, u128::write, pieces);
    }
}

impl SeenMessages {
    pub(crate) fn new(window: Duration) -> SeenMessages {
        let (old, young) = (Generation::new(0, Instant::MIN), Generation::new(1, Instant::MIN));
        SeenMessages { window, young, old, hasher: ahash::RandomState::new() }
    }

    /// How long ids are remembered from here on.
    pub(crate) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    /// Whether an id is known.
    pub(crate) fn knows(&self, id: &str, now: Instant) -> bool {
        let hash = stable_hash(&[id.as_bytes()]);
        let age = now - self.young.began;
        let is_young = age < self.window + self.window && self.young.contains(hash, &self.hasher);
        is_young || age < self.window && self.old.contains(hash, &self.hasher)
    }

    /// Notes an id; false if it is known.
    pub(crate) fn note(&mut self, id: &str, now: Instant) -> bool {
        self.note_hash(stable_hash(&[id.as_bytes()]), now)
    }

    /// The same by the hash of an id.
    pub(crate) fn note_hash(&mut self, hash: u128, now: Instant) -> bool {
        let age = now - self.young.began;
        if age >= self.window {
            let passed = if age >= self.window + self.window { 2 } else { 1 };
            self.turn(self.young.number + passed, now);
        }
        !self.old.contains(hash, &self.hasher) && self.young.insert(hash, &self.hasher)
    }

    /// Begins a generation. The one before becomes the old one, unless it is too old for that.
    fn turn(&mut self, number: u64, began: Instant) {
        let before = std::mem::replace(&mut self.young, Generation::new(number, began));
        let is_old = before.number + 1 < number;
        self.old = if is_old { Generation::new(number - 1, Instant::MIN) } else { before };
    }

    /// What is to be written of what is in no chunk yet; where `all`, of all that is known, as one that takes the place of
    /// all others. Once that is safe it has to be [said](SeenMessages::set_written).
    pub(crate) fn write_later(&self, all: bool, pieces: &mut Pieces) -> Written {
        let first = |generation: &Generation| if all { 0 } else { generation.written };
        let old = first(&self.old);
        let is_old_new = old < self.old.hashes.len();
        pieces.push_now(|out| is_old_new.write(out));
        if is_old_new {
            self.old.write_later(old, pieces);
        }
        // Also where no id is new: that the generation has begun is.
        self.young.write_later(first(&self.young), pieces);
        Written { generation: self.young.number, len: self.young.hashes.len(), oldest: self.old.number }
    }

    /// Says that what a chunk has is written. More may have come since, and generations may have passed.
    pub(crate) fn set_written(&mut self, chunk: Written) {
        for generation in [&mut self.old, &mut self.young] {
            if generation.number < chunk.generation {
                generation.written = generation.hashes.len();
            } else if generation.number == chunk.generation {
                generation.written = generation.written.max(chunk.len).min(generation.hashes.len());
            }
        }
    }

    /// Takes in a chunk that was written behind those that were taken in before. O(ids in it).
    ///
    /// # Errors
    /// Bytes that were not written so, or a chunk out of its order. What was taken in of it is of no use then.
    pub(crate) fn read_chunk(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        if bool::read(from)? {
            self.read_generation(from)?;
        }
        self.read_generation(from)
    }

    fn read_generation(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let least = self.young.number;
        let number = from.valid("a generation of ids", |n: &u64| (least..=u64::MAX / 2).contains(n))?;
        let began = from.read()?;
        if number > self.young.number {
            self.turn(number, began);
        }
        // The first one of all has the number that new ones begin with.
        self.young.began = began;
        for _ in 0..from.len("ids of messages")? {
            let hash = from.read()?;
            if !self.young.insert(hash, &self.hasher) {
                return Err(from.malformed("an id of a message"));
            }
        }
        self.young.written = self.young.hashes.len();
        Ok(())
    }

    /// When all ids that are remembered now are forgotten at the latest; none where there are none.
    pub(crate) fn ends(&self) -> Option<Instant> {
        let is_empty = self.young.hashes.is_empty() && self.old.hashes.is_empty();
        (!is_empty).then(|| self.young.began + self.window + self.window)
    }

    /// All hashes in order, for a digest of the state.
    pub(crate) fn sorted(&self) -> Vec<u128> {
        let mut all: Vec<u128> = self.young.hashes.iter().chain(self.old.hashes.iter()).copied().collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> Instant {
        Instant::from_millis(0) + Duration::days(n)
    }

    #[test]
    fn an_id_is_known_for_at_least_the_window() {
        let mut seen = SeenMessages::new(Duration::days(7));
        assert!(seen.note("a", day(0)));
        assert!(!seen.note("a", day(6)));
        assert!(seen.note("b", day(6)));
        assert!(seen.knows("b", day(12)));
        assert!(!seen.note("b", day(12)), "six days later");
        assert!(!seen.knows("a", day(30)));
        assert!(seen.note("a", day(30)), "long gone");
        assert!(seen.old.hashes.is_empty());
    }

    /// Whatever is noted between chunks, and whichever of them are lost to a failing disk: what is read is what is
    /// known, and each id is written once.
    #[test]
    fn chunks_read_in_order_are_all_that_is_known() {
        for seed in 0..300 {
            let rng = &mut fastrand::Rng::with_seed(seed);
            let window = Duration::days(rng.i64(0..4));
            let mut seen = SeenMessages::new(window);
            let (mut chunks, mut now): (Vec<(Written, Vec<u8>)>, i64) = (Vec::new(), 0);
            for _ in 0..60 {
                match rng.u32(0..5) {
                    0 => {
                        let (mut pieces, mut chunk) = (Pieces::default(), Vec::new());
                        let written = seen.write_later(false, &mut pieces);
                        for _ in 0..rng.u32(0..2) {
                            seen.note(&rng.u32(0..30).to_string(), day(now));
                        }
                        pieces.write_some(usize::MAX, &mut chunk);
                        if rng.u32(0..4) > 0 {
                            seen.set_written(written);
                            chunks.push((written, chunk));
                            chunks.retain(|(of, _)| of.generation >= written.oldest);
                        }
                    }
                    _ => {
                        seen.note(&rng.u32(0..30).to_string(), day(now));
                    }
                }
                now += [0, 0, 1, 3, 9][rng.usize(..5)];
            }
            let chunk = |seen: &SeenMessages, all| {
                let (mut written, mut chunk) = (None, Vec::new());
                Pieces::all(|pieces| written = Some(seen.write_later(all, pieces)), &mut chunk);
                (written.unwrap(), chunk)
            };
            chunks.push(chunk(&seen, false));
            let mut read = SeenMessages::new(window);
            for (_, chunk) in &chunks {
                let mut from = Bytes::new(chunk);
                read.read_chunk(&mut from).unwrap();
                from.end().unwrap();
            }
            assert_eq!(read.sorted(), seen.sorted(), "seed {seed}");
            for id in 0..30 {
                let (mut now, id) = (now, id.to_string());
                now += i64::from(rng.bool());
                assert_eq!(read.note(&id, day(now)), seen.note(&id, day(now)), "seed {seed}");
            }
            // All at once.
            let (all, at_once) = (chunk(&seen, true).1, &mut SeenMessages::new(window));
            at_once.read_chunk(&mut Bytes::new(&all)).unwrap();
            assert_eq!(at_once.sorted(), seen.sorted());
            // Nothing is written twice.
            let written = chunk(&seen, false).0;
            seen.set_written(written);
            let nothing = chunk(&seen, false).1;
            assert!(nothing.len() < 20, "{}", nothing.len());
        }
    }
}
