use crate::model::{Bytes, Malformed, Record};
use crate::recommend::ItemId;
use crate::recommend::cholesky;

/// `Σ x x'` over vectors that come and go, kept up to date. Of the matrix only the upper half is kept.
///
/// In 64 bits, so that what rounding leaves behind after millions of changes is far below what 32 bits show.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gram(Vec<f64>);

impl Gram {
    pub(super) fn new(factors: usize) -> Gram {
        Gram(vec![0.0; factors * factors])
    }

    /// Puts a vector in the place of another one; an empty one is none.
    pub(super) fn replace(&mut self, old: &[f32], new: &[f32]) {
        for (vector, sign) in [(old, -1.0), (new, 1.0)] {
            let n = vector.len();
            for row in 0..n {
                let scaled = sign * f64::from(vector[row]);
                let sums = &mut self.0[row * n + row..(row + 1) * n];
                sums.iter_mut()
                    .zip(&vector[row..])
                    .for_each(|(sum, value)| *sum += scaled * f64::from(*value));
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<f64>()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|sum| sum.write(out));
    }

    pub(super) fn read(factors: usize, from: &mut Bytes<'_>) -> Result<Gram, Malformed> {
        let sum = |_| from.valid("a sum of products", |sum: &f64| sum.is_finite());
        Ok(Gram((0..factors * factors).map(sum).collect::<Result<_, _>>()?))
    }
}

/// What holds vectors back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Penalty {
    /// `a0`: how much all that was not chosen counts.
    pub(super) unobserved: f64,
    pub(super) regularisation: f64,
    /// `nu`
    pub(super) frequency: f64,
}

/// The least-squares problem of one vector, solved:
/// `(a0 G + Σ |w| h h' + λ I) x = Σ_{w>0} w h` with `λ = reg (Σ |w| + a0 N)^nu`, over the vectors `h` of what was chosen
/// (`w > 0`) or refused (`w < 0`), of `N` that there are.
pub(super) struct FoldIn {
    factor: Vec<f32>,
    /// `x`
    pub(super) vector: Vec<f32>,
}

impl FoldIn {
    pub(super) fn new<'a>(
        gram: &Gram,
        count: usize,
        penalty: Penalty,
        chosen: impl Iterator<Item = (f32, &'a [f32])>,
        factors: usize,
    ) -> FoldIn {
        let mut a: Vec<f32> = gram.0.iter().map(|sum| (penalty.unobserved * sum) as f32).collect();
        let mut b = vec![0.0; factors];
        let mut sum = penalty.unobserved * count as f64;
        for (weight, vector) in chosen {
            sum += f64::from(weight.abs());
            cholesky::add_outer(&mut a, vector, weight.abs());
            if weight > 0.0 {
                b.iter_mut().zip(vector).for_each(|(value, other)| *value += weight * other);
            }
        }
        let ridge = (penalty.regularisation * libm::pow(sum, penalty.frequency)).max(1e-9) as f32;
        (0..factors).for_each(|place| a[place * factors + place] += ridge);
        cholesky::factor(&mut a, factors, ridge / 2.0);
        cholesky::solve(&a, &mut b);
        // Vectors that were not ours may be too long to be multiplied: nothing follows from them.
        if !b.iter().all(|value| value.is_finite()) {
            b.fill(0.0);
        }
        FoldIn { factor: a, vector: b }
    }

    /// `A^-1 h`, by which a score is split among what was chosen: `x'h = Σ w h_i' A^-1 h`.
    pub(super) fn influence(&self, vector: &[f32]) -> Vec<f32> {
        let mut influence = vector.to_vec();
        cholesky::solve(&self.factor, &mut influence);
        influence
    }
}

/// Where the vector of an item begins: normal numbers of a standard deviation of `0.1 / sqrt(factors)`, by the number of
/// the item (SplitMix64, Steele et al. 2014; Box and Muller, 1958).
pub(super) fn beginning(item: ItemId, factors: usize) -> Vec<f32> {
    let mut state = u64::from(item.number()).wrapping_mul(0xD134_2543_DE82_EF95);
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        // Above 0 and at most 1, in 53 bits.
        (((mixed ^ mixed >> 31) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    };
    let deviation = 0.1 / (factors as f64).sqrt();
    let mut normal = || {
        let (radius, angle) = ((-2.0 * libm::log(uniform())).sqrt(), std::f64::consts::TAU * uniform());
        (deviation * radius * libm::cos(angle)) as f32
    };
    (0..factors).map(|_| normal()).collect()
}

/// Reads vectors of so many numbers.
pub(super) fn read_vector(len: usize, from: &mut Bytes<'_>) -> Result<Vec<f32>, Malformed> {
    if len > from.left() / size_of::<f32>() {
        return Err(from.malformed("a vector"));
    }
    let value = |_| from.valid("a part of a vector", |value: &f32| value.is_finite());
    (0..len).map(value).collect()
}
