use crate::model::{Duration, Instant, stable_hash};
use hashbrown::HashSet;

/// The ids of messages that were taken, as 128-bit hashes, so that a second copy is ignored.
///
/// Two generations, each as long as the window: an id is known for at least one window and at most two, and what is
/// older costs nothing.
#[derive(Debug)]
pub(crate) struct SeenMessages {
    window: Duration,
    began: Instant,
    young: HashSet<u128, ahash::RandomState>,
    old: HashSet<u128, ahash::RandomState>,
}

impl SeenMessages {
    pub(crate) fn new(window: Duration) -> SeenMessages {
        SeenMessages { window, began: Instant::MIN, young: HashSet::default(), old: HashSet::default() }
    }

    /// How long ids are remembered from here on.
    pub(crate) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    /// Whether an id is known.
    pub(crate) fn knows(&self, id: &str, now: Instant) -> bool {
        let hash = stable_hash(&[id.as_bytes()]);
        let age = now - self.began;
        let is_young = self.young.contains(&hash) && age < self.window + self.window;
        is_young || self.old.contains(&hash) && age < self.window
    }

    /// Notes an id; false if it is known.
    pub(crate) fn note(&mut self, id: &str, now: Instant) -> bool {
        if now - self.began >= self.window {
            let is_old = now - self.began >= self.window + self.window;
            self.old = if is_old { HashSet::default() } else { std::mem::take(&mut self.young) };
            self.young.clear();
            self.began = now;
        }
        let hash = stable_hash(&[id.as_bytes()]);
        !self.old.contains(&hash) && self.young.insert(hash)
    }

    /// All hashes in order, for a digest of the state.
    pub(crate) fn sorted(&self) -> Vec<u128> {
        let mut all: Vec<u128> = self.young.iter().chain(&self.old).copied().collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_for_at_least_the_window() {
        let mut seen = SeenMessages::new(Duration::days(7));
        let day = |n: i64| Instant::from_millis(0) + Duration::days(n);
        assert!(seen.note("a", day(0)));
        assert!(!seen.note("a", day(6)));
        assert!(seen.note("b", day(6)));
        assert!(seen.knows("b", day(12)));
        assert!(!seen.note("b", day(12)), "six days later");
        assert!(!seen.knows("a", day(30)));
        assert!(seen.note("a", day(30)), "long gone");
        assert!(seen.old.is_empty());
    }
}
