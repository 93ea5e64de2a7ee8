use crate::profile::Packed;

/// Whole numbers below it are exact as floats, and so are their sums while they stay below it.
const EXACT: f64 = (1_u64 << 53) as f64;

/// What numbers come to. Taken one by one a sum is to the bit what adding them in their order makes; where blocks of them are
/// [merged](Numbers::merge), it is so as long as they are whole and not too large, and otherwise [nearly](Numbers::slack).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Numbers {
    count: u32,
    /// Whether all that came were numbers that a float holds, or nothing that has a place among numbers.
    is_plain: bool,
    is_whole: bool,
    has_floats: bool,
    is_merged: bool,
    sum: f64,
    least: f64,
    greatest: f64,
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers {
            count: 0,
            is_plain: true,
            is_whole: true,
            has_floats: false,
            is_merged: false,
            sum: 0.0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl FromIterator<Packed> for Numbers {
    fn from_iter<I: IntoIterator<Item = Packed>>(values: I) -> Numbers {
        let mut numbers = Numbers::default();
        values.into_iter().for_each(|value| numbers.add(value));
        numbers
    }
}

impl Numbers {
    pub(crate) fn add(&mut self, value: Packed) {
        let Some(x) = value.small_number() else {
            self.is_plain &= !value.is_boxed() && !value.is_instant();
            return;
        };
        self.count += 1;
        self.sum += x;
        (self.least, self.greatest) = (self.least.min(x), self.greatest.max(x));
        if value.is_float() {
            (self.has_floats, self.is_whole) = (true, self.is_whole && x as i64 as f64 == x);
        }
        // A sum of whole numbers is exact, however large.
        self.is_plain &= self.sum.abs() < EXACT;
    }

    pub(crate) fn merge(&mut self, other: &Numbers) {
        self.count += other.count;
        self.sum += other.sum;
        (self.least, self.greatest) = (self.least.min(other.least), self.greatest.max(other.greatest));
        (self.is_whole, self.has_floats) =
            (self.is_whole && other.is_whole, self.has_floats || other.has_floats);
        self.is_plain &= other.is_plain && self.sum.abs() < EXACT;
        self.is_merged = true;
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether all of them were integers, and not floats that happen to be whole.
    pub(crate) fn is_integer(&self) -> bool {
        !self.has_floats
    }

    /// Whether the sum is the same in whatever order the numbers are added.
    pub(crate) fn is_exact(&self) -> bool {
        let largest = self.greatest.abs().max(self.least.abs());
        let is_small = self.count == 0 || f64::from(self.count) * largest < EXACT;
        self.is_plain && self.is_whole && is_small
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }

    pub(crate) fn least(&self) -> Option<f64> {
        (self.count > 0).then_some(self.least)
    }

    pub(crate) fn greatest(&self) -> Option<f64> {
        (self.count > 0).then_some(self.greatest)
    }

    /// How far the sum may be from what adding the numbers in their order makes.
    ///
    /// A sum of n numbers in any order is off by no more than (n - 1) · ε/2 · Σ|x| (Higham, Accuracy and Stability of
    /// Numerical Algorithms, 4.2), and there are two orders: no more than (n - 1) · n · ε · max|x|. What this is above that
    /// is for the roundings of the mean.
    pub(crate) fn slack(&self) -> f64 {
        if !self.is_merged || self.is_exact() {
            return 0.0;
        }
        let (count, largest) = (f64::from(self.count), self.greatest.abs().max(self.least.abs()));
        if self.count == 0 { 0.0 } else { count * count * f64::EPSILON * largest }
    }

    /// The same for the mean.
    pub(crate) fn mean_slack(&self) -> f64 {
        self.slack() / f64::from(self.count.max(1))
    }
}
