//! Which of several variants a user sees, or ways a user goes: weighted rendezvous hashing.
//!
//! Every variant draws a number in (0, 1) from the hash of (salt, user, variant), and the lowest `-ln(u) / weight`
//! wins. That is a race of exponential clocks whose rates are the weights, so a variant wins in
//! `weight / sum of weights` of the users: the logarithmic method of Schindelhauer and Schomaker ("Weighted
//! Distributed Hash Tables", SPAA 2005), on top of the rendezvous hashing of Thaler and Ravishankar (1998).
//!
//! Why not one number per user, and the weights laid end to end? Because there a variant that comes, goes or is not
//! eligible for a user shifts the borders of all behind it, and users move between variants that nobody touched.
//! Here no draw depends on another variant: a variant that goes gives up its own users only, one that comes takes
//! only those whom it wins, and a weight that changes moves users to or from that variant only. And what a user
//! sees does not depend on the order of definition. The price is a hash and a logarithm per variant, some 60 ns.

use crate::model::stable_hash;

/// The place of the winner among `candidates`: names and weights, each above 0. None for no candidates.
///
/// The first of two with equal scores wins, which takes two names with equal hashes.
pub(crate) fn winner<'a>(
    salt: &str,
    user: &str,
    candidates: impl IntoIterator<Item = (&'a str, f64)>,
) -> Option<usize> {
    let scores = candidates.into_iter().map(|(name, weight)| score(salt, user, name, weight));
    scores.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(place, _)| place)
}

fn score(salt: &str, user: &str, variant: &str, weight: f64) -> f64 {
    let hash = stable_hash(&[b"split", salt.as_bytes(), user.as_bytes(), variant.as_bytes()]);
    // The middle of one of 2^52 equal parts of (0, 1): exact, and never an end, whose logarithm is no number.
    let u = ((hash as u64 >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -libm::log(u) / weight
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: usize = 100_000;

    fn shown<'a>(salt: &str, variants: &[(&'a str, f64)]) -> Vec<&'a str> {
        let of = |n| variants[winner(salt, &format!("u{n}"), variants.iter().copied()).unwrap()].0;
        (0..USERS).map(of).collect()
    }

    #[test]
    fn shares_match_weights() {
        for (salt, variants) in [
            ("hero", &[("a", 1.0), ("b", 1.0)][..]),
            ("hero", &[("a", 3.0), ("b", 1.0), ("c", 6.0)]),
            ("card", &[("control", 0.9), ("x", 0.05), ("y", 0.05)]),
            ("", &[("a", 1e-9), ("b", 2e-9), ("c", 1e-9), ("d", 4e-9), ("e", 1e-9)]),
        ] {
            let (shown, sum) = (shown(salt, variants), variants.iter().map(|(_, w)| w).sum::<f64>());
            let chi_square: f64 = variants
                .iter()
                .map(|(name, weight)| {
                    let expected = USERS as f64 * weight / sum;
                    let seen = shown.iter().filter(|n| *n == name).count() as f64;
                    (seen - expected) * (seen - expected) / expected
                })
                .sum();
            // At four degrees of freedom or less, chance alone goes above this once in a thousand.
            assert!(chi_square < 18.5, "{variants:?}: {chi_square}");
        }
    }

    #[test]
    fn only_the_users_of_a_changed_variant_move() {
        let all = [("a", 1.0), ("b", 2.0), ("c", 3.0)];
        let before = shown("hero", &all);
        let moved = |after: &[&'static str]| {
            before.iter().zip(after).filter(|(x, y)| x != y).map(|(x, y)| (*x, *y)).collect::<Vec<_>>()
        };
        let without_b = moved(&shown("hero", &[all[0], all[2]]));
        assert!(without_b.iter().all(|(from, _)| *from == "b"));
        assert_eq!(without_b.len(), before.iter().filter(|name| **name == "b").count());
        // Its users go to the others by their weights, and not all to a neighbour.
        let to_a = without_b.iter().filter(|(_, to)| *to == "a").count() as f64 / without_b.len() as f64;
        assert!((to_a - 0.25).abs() < 0.01, "{to_a}");

        let with_d = moved(&shown("hero", &[all[0], all[1], ("d", 1.0), all[2]]));
        assert!(with_d.iter().all(|(_, to)| *to == "d"));
        let heavier_a = moved(&shown("hero", &[("a", 1.5), all[1], all[2]]));
        assert!(!heavier_a.is_empty() && heavier_a.iter().all(|(_, to)| *to == "a"));
        assert_eq!(moved(&shown("hero", &[all[2], all[1], all[0]])), [], "order does not count");
    }

    #[test]
    fn two_salts_split_users_apart() {
        let variants = [("a", 1.0), ("b", 1.0)];
        let (hero, card) = (shown("hero", &variants), shown("card", &variants));
        let same = hero.iter().zip(&card).filter(|(x, y)| x == y).count() as f64 / USERS as f64;
        assert!((same - 0.5).abs() < 0.01, "{same}");
    }

    #[test]
    fn draws_never_change() {
        // What users see in stores that exist hangs on these: they may not move.
        let variants = [("a", 1.0), ("b", 2.0), ("c", 3.0)];
        let drawn: String = shown("hero", &variants)[..24].concat();
        assert_eq!(drawn, "cccaacabaacaccccbccbcbcb");
        assert_eq!(winner("hero", "u1", []), None);
    }
}
