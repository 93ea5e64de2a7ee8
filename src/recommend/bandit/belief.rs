use crate::model::{Bytes, Malformed, Record};
use smallvec::SmallVec;

/// Most features that a belief keeps all covariances of.
pub(super) const FULL_MAX: usize = 256;
/// No variance falls below this share of what it was at first, so that every belief can still change.
const SURE: f64 = 1e-12;
/// Weights that features and rewards within their limits come nowhere near.
const MEAN_MAX: f64 = 1e100;
/// By what share a variance may be above the first one when it was scaled down to it.
const ROUNDING: f64 = 1e-9;
/// Numbers side by side, as vector instructions take them.
const LANES: usize = 4;

/// What is believed of the weights of features: a normal distribution, updated by one observation at a time.
///
/// The covariance is kept as `U D U'` (`U` unit upper triangular, `D` diagonal and above 0) and updated in that form
/// (Bierman, "Factorization Methods for Discrete Sequential Estimation", 1977). The plain formula
/// `S -= h k (Sx)'` is the same on paper, but subtracts nearly equal numbers: after some thousand observations with large
/// features it has negative variances. Here there is nothing to subtract, whatever comes.
///
/// Invariants: 1. `0 < D`, and no variance is above the first one. 2. all numbers are finite.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::recommend) struct Belief {
    mean: Vec<f64>,
    /// `D`, or the variances of weights that are taken as independent.
    scale: Vec<f64>,
    /// `U` by rows, each as long as a whole number of lanes; empty where weights are taken as independent.
    upper: Vec<f64>,
    /// The variance that every weight had at first, about a mean of 0.
    first: f64,
}

/// Mean and variance of the score of some features.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::recommend) struct Moments {
    pub(in crate::recommend) mean: f64,
    pub(in crate::recommend) variance: f64,
}

/// What was seen at some features.
#[derive(Clone, Copy, Debug)]
pub(in crate::recommend) struct Observation {
    /// By how many of its own standard units the score is moved: the means move by `surprise · S x`.
    pub(in crate::recommend) surprise: f64,
    /// How much it tells of the score: what it adds to the inverse of the score's variance.
    pub(in crate::recommend) information: f64,
    /// The variance of what else is in the score beside this belief.
    pub(in crate::recommend) beside: f64,
}

type Scratch = SmallVec<[f64; 32]>;

/// A weight that can be read again.
fn within(mean: f64) -> f64 {
    mean.clamp(-MEAN_MAX, MEAN_MAX)
}

impl Belief {
    /// Knows nothing of so many weights but that they are about 0.
    pub(in crate::recommend) fn new(len: usize, first: f64, diagonal: bool) -> Belief {
        let mut belief = Belief { mean: vec![0.0; len], scale: vec![first; len], upper: Vec::new(), first };
        if !diagonal {
            let stride = len.next_multiple_of(LANES);
            belief.upper = vec![0.0; len * stride];
            for row in 0..len {
                belief.upper[row * stride + row] = 1.0;
            }
        }
        belief
    }

    pub(in crate::recommend) fn len(&self) -> usize {
        self.mean.len()
    }

    pub(in crate::recommend) fn bytes(&self) -> usize {
        (self.mean.capacity() + self.scale.capacity() + self.upper.capacity()) * size_of::<f64>()
    }

    fn stride(&self) -> usize {
        self.len().next_multiple_of(LANES)
    }

    /// `m'x`. O(features).
    pub(in crate::recommend) fn score(&self, x: &[f64]) -> f64 {
        x.iter().zip(&self.mean).map(|(x, m)| x * m).sum()
    }

    /// Mean and variance of `m'x`. O(features²), or O(features) where weights are taken as independent.
    pub(in crate::recommend) fn moments(&self, x: &[f64]) -> Moments {
        let mean = self.score(x);
        let variance = if self.upper.is_empty() {
            x.iter().zip(&self.scale).map(|(x, s)| x * x * s).sum()
        } else if self.len() <= 4 * LANES {
            self.full_variance::<4>(x)
        } else if self.len() <= 8 * LANES {
            self.full_variance::<8>(x)
        } else {
            self.full_variance::<{ FULL_MAX / LANES }>(x)
        };
        Moments { mean, variance }
    }

    /// `f' D f` with `f = U' x`, of at most `BLOCKS` blocks of lanes.
    fn full_variance<const BLOCKS: usize>(&self, x: &[f64]) -> f64 {
        let mut f = [[0.0; LANES]; BLOCKS];
        let blocks = self.stride() / LANES;
        let (rows, _) = self.upper.as_chunks::<LANES>();
        for (row, (x, upper)) in x.iter().zip(rows.chunks_exact(blocks.max(1))).enumerate() {
            let from = row / LANES; // what is before is below the diagonal
            for (sum, part) in f[from..blocks].iter_mut().zip(&upper[from..]) {
                for lane in 0..LANES {
                    sum[lane] += x * part[lane];
                }
            }
        }
        let f = f.as_flattened();
        self.scale.iter().zip(f).map(|(d, f)| d * f * f).sum()
    }

    /// Takes in what was seen at `x`. O(features²), or O(features) where weights are taken as independent.
    ///
    /// With `n` the information and `o` the variance beside, `S -= n (Sx)(Sx)' / (1 + n (x'Sx + o))`: exact for one
    /// belief, and for several that share a score what remains when their covariance with each other is dropped.
    pub(in crate::recommend) fn observe(&mut self, x: &[f64], observation: Observation, drift: f64) {
        let Observation { surprise, information, beside } = observation;
        let (len, stride) = (self.len(), self.stride());
        let mut alpha = 1.0 + information * beside;
        let floor = self.first * SURE;
        if self.upper.is_empty() {
            let variance: f64 = x.iter().zip(&self.scale).map(|(x, s)| x * x * s).sum();
            let after = alpha + information * variance;
            for place in 0..len {
                let (x, s) = (x[place], self.scale[place]);
                self.mean[place] = within(self.mean[place] + surprise * s * x);
                let left = s * ((after - information * s * x * x).max(0.0) / after);
                self.scale[place] = (left * (1.0 + drift)).clamp(floor, self.first);
            }
            return;
        }
        let upper = &mut self.upper;
        // Sx, and `f = U' x`.
        let (mut sx, mut f) = (Scratch::from_elem(0.0, len), Scratch::from_elem(0.0, stride));
        for (row, x) in x.iter().enumerate() {
            let from = row / LANES * LANES;
            let parts = upper[row * stride..][from..stride].iter();
            f[from..].iter_mut().zip(parts).for_each(|(sum, part)| *sum += x * part);
        }
        for column in 0..len {
            let (f, d) = (f[column], self.scale[column]);
            let v = d * f;
            let after = alpha + information * f * v;
            let lambda = -information * f / alpha;
            for row in 0..column {
                let part = &mut upper[row * stride + column];
                let old = *part;
                *part = old + sx[row] * lambda;
                sx[row] += old * v;
            }
            sx[column] = v;
            self.scale[column] = (d * (alpha / after) * (1.0 + drift)).max(floor);
            alpha = after;
        }
        for (mean, sx) in self.mean.iter_mut().zip(&sx) {
            *mean = within(*mean + surprise * sx);
        }
        self.cap();
    }

    /// The variance of a weight.
    fn variance(&self, row: usize) -> f64 {
        let parts = &self.upper[row * self.stride()..][row..self.len()];
        parts.iter().zip(&self.scale[row..]).map(|(u, d)| u * u * d).sum()
    }

    /// Lets no variance be above the first one: a weight that is, and its covariances, are scaled down.
    fn cap(&mut self) {
        let (len, stride) = (self.len(), self.stride());
        for row in 0..len {
            let variance = self.variance(row);
            if variance > self.first {
                let by = (self.first / variance).sqrt();
                self.upper[row * stride..][row + 1..len].iter_mut().for_each(|u| *u *= by);
                for above in 0..row {
                    self.upper[above * stride + row] /= by;
                }
                self.scale[row] *= by * by;
            }
        }
    }

    /// Whether all of its numbers are.
    pub(super) fn is_finite(&self) -> bool {
        self.mean.iter().chain(&self.scale).chain(&self.upper).all(|number| number.is_finite())
    }

    /// Adds what another belief knows that began as this one did: the inverses of the covariances are added, and that of
    /// the beginning taken off once. O(features³).
    pub(super) fn merge(&mut self, other: &Belief) {
        let len = self.len();
        let pairs = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        if self.upper.is_empty() {
            for place in 0..len {
                let (own, their) = (1.0 / self.scale[place], 1.0 / other.scale[place]);
                let weighted = own * self.mean[place] + their * other.mean[place];
                let sum = (own + their - 1.0 / self.first).max(1.0 / self.first);
                self.mean[place] = within(weighted / sum);
                self.scale[place] = (1.0 / sum).max(self.first * SURE);
            }
            return;
        }
        let (own, their) = (self.precision(), other.precision());
        let mut sum: Vec<f64> = own.iter().zip(&their).map(|(a, b)| a + b).collect();
        let mut weighted = Vec::with_capacity(len);
        for row in 0..len {
            let (own, their) = (&own[row * len..][..len], &their[row * len..][..len]);
            weighted.push(pairs(own, &self.mean) + pairs(their, &other.mean));
            sum[row * len + row] -= 1.0 / self.first;
        }
        if !self.set_precision(&sum, 1.0 / self.first) {
            // Drift has made less of the beginning than it was: it cannot be taken off.
            (0..len).for_each(|row| sum[row * len + row] += 1.0 / self.first);
            self.set_precision(&sum, SURE / self.first);
        }
        for row in 0..len {
            self.mean[row] = 0.0;
        }
        // m = S w = U D U' w.
        let stride = self.stride();
        for column in 0..len {
            let f: f64 = (0..=column).map(|row| self.upper[row * stride + column] * weighted[row]).sum();
            for row in 0..=column {
                self.mean[row] += self.upper[row * stride + column] * (self.scale[column] * f);
            }
        }
        self.mean.iter_mut().for_each(|mean| *mean = within(*mean));
    }

    /// The inverse of the covariance, by rows. With `L = U'^-1`, it is `L D^-1 L'`.
    fn precision(&self) -> Vec<f64> {
        let (len, stride) = (self.len(), self.stride());
        let lower = inverse_of_transpose(&self.upper, len, stride);
        let mut precision = vec![0.0; len * len];
        for row in 0..len {
            for column in 0..=row {
                let parts =
                    (0..=column).map(|k| lower[row * len + k] * lower[column * len + k] / self.scale[k]);
                let sum = parts.sum();
                precision[row * len + column] = sum;
                precision[column * len + row] = sum;
            }
        }
        precision
    }

    /// The covariance from its inverse, `L E L'`: it is `U D U'` with `U = L'^-1` and `D = E^-1`. False where some part of
    /// `E` is far below the least that there should be, so that it is not.
    fn set_precision(&mut self, precision: &[f64], least: f64) -> bool {
        let (len, stride) = (self.len(), self.stride());
        let mut lower = vec![0.0; len * len];
        let mut pivots = vec![0.0; len];
        let mut is_definite = true;
        for column in 0..len {
            let known = |row: usize, lower: &[f64], pivots: &[f64]| -> f64 {
                (0..column).map(|k| lower[row * len + k] * lower[column * len + k] * pivots[k]).sum()
            };
            let pivot = precision[column * len + column] - known(column, &lower, &pivots);
            is_definite &= pivot >= 0.5 * least;
            pivots[column] = pivot.clamp(least, 1.0 / (self.first * SURE));
            lower[column * len + column] = 1.0;
            for row in column + 1..len {
                let rest = precision[row * len + column] - known(row, &lower, &pivots);
                lower[row * len + column] = rest / pivots[column];
            }
        }
        // `L` is the transpose of a unit upper triangle, so the same inverse serves.
        let mut transposed = vec![0.0; len * len];
        for row in 0..len {
            for column in 0..=row {
                transposed[column * len + row] = lower[row * len + column];
            }
        }
        let inverse = inverse_of_transpose(&transposed, len, len);
        for row in 0..len {
            for column in row..len {
                self.upper[row * stride + column] = inverse[column * len + row];
            }
            self.scale[row] = 1.0 / pivots[row];
        }
        self.cap();
        is_definite
    }

    pub(in crate::recommend) fn write(&self, out: &mut Vec<u8>) {
        let (len, stride) = (self.len(), self.stride());
        self.mean.iter().chain(&self.scale).for_each(|number| number.write(out));
        if !self.upper.is_empty() {
            for row in 0..len {
                self.upper[row * stride..][row + 1..len].iter().for_each(|number| number.write(out));
            }
        }
    }

    /// Reads what one of the same shape wrote.
    pub(in crate::recommend) fn read(&self, from: &mut Bytes<'_>) -> Result<Belief, Malformed> {
        let (len, stride) = (self.len(), self.stride());
        let mut read = Belief::new(len, self.first, self.upper.is_empty());
        for mean in &mut read.mean {
            *mean = from.valid("the weight of a feature", |mean: &f64| mean.abs() <= MEAN_MAX)?;
        }
        // What is never written could not be put together with others without passing all numbers.
        let (least, most) = (self.first * SURE * (1.0 - ROUNDING), self.first * (1.0 + ROUNDING));
        for scale in &mut read.scale {
            *scale = from.valid("the variance of a weight", |scale: &f64| (least..=most).contains(scale))?;
        }
        if !self.upper.is_empty() {
            for row in 0..len {
                for part in &mut read.upper[row * stride..][row + 1..len] {
                    *part = from.valid("the covariance of a weight", |part: &f64| part.is_finite())?;
                }
            }
            if !(0..len).all(|row| read.variance(row) <= most) {
                return Err(from.malformed("the covariance of a weight"));
            }
        }
        Ok(read)
    }

    /// Names the invariant that broke.
    #[cfg(test)]
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        if !self.is_finite() {
            return Err("all numbers are finite");
        }
        if !self.scale.iter().all(|scale| *scale > 0.0) {
            return Err("the covariance is positive definite");
        }
        let covariance = self.covariance();
        if !(0..self.len()).all(|n| covariance[n][n] <= self.first * (1.0 + ROUNDING)) {
            return Err("no variance is above the first one");
        }
        Ok(())
    }

    /// The weights as they are believed to be.
    pub(in crate::recommend) fn mean(&self) -> &[f64] {
        &self.mean
    }

    #[cfg(test)]
    pub(super) fn covariance(&self) -> Vec<Vec<f64>> {
        let (len, stride) = (self.len(), self.stride());
        let u = |row: usize, column: usize| match self.upper.is_empty() {
            true => f64::from(u8::from(row == column)),
            false => self.upper[row * stride + column],
        };
        let cell = |a: usize, b: usize| (0..len).map(|k| u(a, k) * u(b, k) * self.scale[k]).sum();
        (0..len).map(|a| (0..len).map(|b| cell(a, b)).collect()).collect()
    }
}

/// The inverse of the transpose of a unit upper triangle, which is a unit lower triangle; both by rows.
fn inverse_of_transpose(upper: &[f64], len: usize, stride: usize) -> Vec<f64> {
    // `U' L = 1`, row by row: what is above is known.
    let mut lower = vec![0.0; len * len];
    for row in 0..len {
        lower[row * len + row] = 1.0;
        for column in 0..row {
            let parts = (column..row).map(|k| upper[k * stride + row] * lower[k * len + column]);
            lower[row * len + column] = -parts.sum::<f64>();
        }
    }
    lower
}
