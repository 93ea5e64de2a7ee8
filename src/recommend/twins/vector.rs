//! Vectors of items in a byte a number, and the buckets that alike ones share.

use crate::model::stable_hash;

/// How many times each vector is put into buckets.
const TABLES: u32 = 4;
/// By how many planes a bucket is cut off: the more, the fewer vectors are in it, and the more alike they are.
const PLANES: [u32; 4] = [4, 8, 12, 16];
const PLANES_MAX: u32 = PLANES[3];

/// How many buckets a vector is in.
pub(super) const BUCKETS: usize = TABLES as usize * PLANES.len();

/// The direction of a vector, in a byte a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Direction(Box<[i8]>);

impl Direction {
    /// None where there is no direction: all numbers are 0, or one is none.
    pub(super) fn of(vector: &[f32]) -> Option<Direction> {
        let most = vector.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
        let is_sound = most > 0.0 && vector.iter().all(|number| number.is_finite());
        // By 64 bits: what is a share of the greatest number may be too small for 32.
        let byte = |number: &f32| (f64::from(*number) / f64::from(most) * 127.0).round() as i8;
        is_sound.then(|| Direction(vector.iter().map(byte).collect()))
    }

    /// The cosine, or 0 where it is below 0 or lengths differ. Within about one in a hundred of that of the vectors.
    pub(super) fn likeness(&self, other: &Direction) -> f64 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        let product = dot(&self.0, &other.0);
        // Neither is 0: the greatest number of each is 127 either way.
        let lengths = dot(&self.0, &self.0) as f64 * dot(&other.0, &other.0) as f64;
        if product > 0 { (product as f64 / lengths.sqrt()).min(1.0) } else { 0.0 }
    }

    /// The keys of the buckets in which it is: on which side of random planes through the origin, some at a time (an LSH
    /// forest, Bawa, Condie and Ganesan, WWW 2005; hyperplanes: Charikar, STOC 2002). O(64 · length).
    pub(super) fn buckets(&self) -> impl Iterator<Item = u64> + '_ {
        (0..TABLES).flat_map(|table| {
            let sides = (0..PLANES_MAX).fold(0_u32, |sides, plane| {
                sides | u32::from(self.is_above(table * PLANES_MAX + plane)) << plane
            });
            PLANES.into_iter().map(move |planes| {
                let inside = sides & ((1 << planes) - 1);
                let key = [table, planes, inside].map(u32::to_le_bytes);
                stable_hash(&[key.as_flattened()]) as u64
            })
        })
    }

    /// Whether it is above a plane, whose normal has 1 or -1 in every dimension (Achlioptas, 2003).
    fn is_above(&self, plane: u32) -> bool {
        let mut sum = 0_i64;
        for (word, numbers) in (0_u64..).zip(self.0.chunks(64)) {
            let signs = mix(u64::from(plane) << 32 | word);
            for (place, number) in numbers.iter().enumerate() {
                sum += i64::from(*number) * if signs >> place & 1 == 1 { 1 } else { -1 };
            }
        }
        sum > 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}

fn dot(one: &[i8], other: &[i8]) -> i64 {
    one.iter().zip(other).map(|(x, y)| i64::from(i32::from(*x) * i32::from(*y))).sum()
}

/// Sixty-four bits that look random (SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::cosine;

    #[test]
    fn directions_are_as_alike_as_their_vectors() {
        let mut random = fastrand::Rng::with_seed(3);
        for dimensions in [1, 3, 64, 300] {
            for _ in 0..200 {
                let mut vector = || -> Vec<f32> { (0..dimensions).map(|_| random.f32() - 0.4).collect() };
                let (one, other) = (vector(), vector());
                let [a, b] = [&one, &other].map(|vector| Direction::of(vector).unwrap());
                let error = a.likeness(&b) - cosine(&one, &other);
                assert!(error.abs() < 0.01, "{error} of {dimensions}");
                let longer: Vec<f32> = one.iter().map(|number| number * 1e-30).collect();
                assert_eq!(Direction::of(&longer).unwrap().likeness(&a), 1.0);
            }
        }
        for vector in [&[0.0, 0.0][..], &[f32::NAN, 1.0], &[f32::INFINITY], &[]] {
            assert_eq!(Direction::of(vector), None, "{vector:?}");
        }
        let [a, b] = [&[1.0, 0.0][..], &[1.0]].map(|vector| Direction::of(vector).unwrap());
        assert_eq!(a.likeness(&b), 0.0);
    }

    /// The more alike two are, the smaller the bucket that they share.
    #[test]
    fn alike_ones_share_buckets() {
        let mut random = fastrand::Rng::with_seed(4);
        let mut shared = [0; 3];
        for _ in 0..100 {
            let one: Vec<f32> = (0..32).map(|_| random.f32() - 0.5).collect();
            for (shared, noise) in shared.iter_mut().zip([0.1, 1.0, 100.0]) {
                let other: Vec<f32> = one.iter().map(|x| x + noise * (random.f32() - 0.5)).collect();
                let [a, b] = [&one, &other].map(|vector| Direction::of(vector).unwrap());
                assert_eq!(a.buckets().count(), BUCKETS);
                *shared += a.buckets().filter(|key| b.buckets().any(|other| other == *key)).count();
            }
        }
        let [near, far, none] = shared;
        assert!(near > 1_200 && far < near / 2 && none < far / 2, "{shared:?}");
    }
}
