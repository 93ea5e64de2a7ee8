use crate::recommend::ItemId;

/// The items with the highest scores of many, at least so many of those that are offered, and all that score the same as
/// the last of them.
#[derive(Debug)]
pub(super) struct Shortlist {
    kept: Vec<(f64, ItemId)>,
    len: usize,
    /// At how many it is cut short.
    full: usize,
    least: f64,
    is_whole: bool,
}

impl Shortlist {
    pub(super) fn new(len: usize) -> Shortlist {
        Shortlist { kept: Vec::new(), len, full: 2 * len, least: 0.0, is_whole: true }
    }

    /// What an item has to score, to be among them. If it does not it is left out, and they are not the whole.
    pub(super) fn may_enter(&mut self, score: f64) -> bool {
        let is_enough = score >= self.least || score.is_nan();
        self.is_whole &= is_enough;
        is_enough
    }

    /// Adds an item that may enter.
    pub(super) fn add(&mut self, score: f64, item: ItemId) {
        self.kept.push((score, item));
        if self.kept.len() >= self.full {
            let (_, last, _) = self.kept.select_nth_unstable_by(self.len - 1, |a, b| b.0.total_cmp(&a.0));
            let least = last.0;
            self.kept.retain(|(score, _)| *score >= least);
            (self.least, self.is_whole) = (least, false);
            // Of many that score the same none goes.
            self.full = 2 * self.kept.len();
        }
    }

    /// Whether nothing was left out.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn into_scored(self) -> Vec<(f64, ItemId)> {
        self.kept
    }
}
