//! Small dense systems, `A x = b` with `A` symmetric and positive definite: `A = U'U`, rows of `U` after one another.
//!
//! Every inner loop but one runs along a row and adds independent terms, which the compiler turns into vector
//! instructions without changing the order of a sum: the same bits on every machine.

/// `A += weight · x x'`, of which only the upper half is kept.
pub(super) fn add_outer(a: &mut [f32], x: &[f32], weight: f32) {
    let n = x.len();
    for (row, &value) in x.iter().enumerate() {
        let scaled = weight * value;
        let upper = &mut a[row * n + row..(row + 1) * n];
        upper.iter_mut().zip(&x[row..]).for_each(|(sum, other)| *sum += scaled * other);
    }
}

/// Turns the upper half of `A` into `U`. A pivot that is not above `floor` is taken for it: in exact arithmetic there is
/// none where at least `floor` was added to the diagonal of a matrix that has no negative eigenvalue.
pub(super) fn factor(a: &mut [f32], n: usize, floor: f32) {
    for k in 0..n {
        let (done, rest) = a.split_at_mut((k + 1) * n);
        let pivot_row = &mut done[k * n + k..];
        let pivot = if pivot_row[0] > floor { pivot_row[0] } else { floor }.sqrt();
        pivot_row[0] = pivot;
        pivot_row[1..].iter_mut().for_each(|value| *value /= pivot);
        for (below, row) in rest.chunks_exact_mut(n).enumerate() {
            let factor = pivot_row[below + 1];
            let upper = &mut row[k + 1 + below..];
            upper.iter_mut().zip(&pivot_row[below + 1..]).for_each(|(value, other)| *value -= factor * other);
        }
    }
}

/// Solves for `x` in place of `b`, by the factor `U`.
pub(super) fn solve(u: &[f32], b: &mut [f32]) {
    let n = b.len();
    for k in 0..n {
        let row = &u[k * n + k..(k + 1) * n];
        let (head, rest) = b[k..].split_at_mut(1);
        head[0] /= row[0];
        rest.iter_mut().zip(&row[1..]).for_each(|(value, other)| *value -= head[0] * other);
    }
    for k in (0..n).rev() {
        let row = &u[k * n + k..(k + 1) * n];
        b[k] = (b[k] - dot(&row[1..], &b[k + 1..])) / row[0];
    }
}

/// The sum of products, in eight sums side by side.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder()).fold(0.0, |sum, (x, y)| sum + x * y);
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().fold(rest, |sum, lane| sum + lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_solved_solves() {
        let mut random = fastrand::Rng::with_seed(3);
        for n in [1, 2, 7, 8, 33, 64] {
            let mut a = vec![0.0; n * n];
            (0..n).for_each(|place| a[place * n + place] = 0.5);
            for _ in 0..2 * n {
                let x: Vec<f32> = (0..n).map(|_| random.f32() - 0.5).collect();
                add_outer(&mut a, &x, 1.0 + random.f32());
            }
            let b: Vec<f32> = (0..n).map(|_| random.f32()).collect();
            let (mut u, mut x) = (a.clone(), b.clone());
            factor(&mut u, n, 0.1);
            solve(&u, &mut x);
            for row in 0..n {
                let entry = |column: usize| a[row.min(column) * n + row.max(column)];
                let product: f32 = (0..n).map(|column| entry(column) * x[column]).sum();
                assert!((product - b[row]).abs() < 1e-4, "{product} is not {}", b[row]);
            }
        }
    }

    #[test]
    fn sums_are_complete() {
        for n in 0..40 {
            let ones = vec![1.0; n];
            assert_eq!(dot(&ones, &ones), n as f32);
        }
    }
}
