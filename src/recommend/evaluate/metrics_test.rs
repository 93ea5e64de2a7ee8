use super::*;
use proptest::prelude::*;

fn items(numbers: &[u32]) -> Vec<ItemId> {
    numbers.iter().map(|number| ItemId::new(*number)).collect()
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < 1e-12, "{what}: {found} against {expected}");
}

/// `k`, what is ranked, what is relevant, and what comes out.
type Example = (usize, &'static [u32], &'static [u32], [f64; 6]);

/// Worked by hand: hit, reciprocal rank, precision, recall, NDCG, capped recall.
#[test]
fn worked_examples() {
    let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let rows: [Example; 11] = [
        (3, &[1, 2, 3], &[1], [1.0, 1.0, 1.0 / 3.0, 1.0, 1.0, 1.0]),
        (3, &[1, 2, 3], &[3], [1.0, 1.0 / 3.0, 1.0 / 3.0, 1.0, gain(2), 1.0]),
        (3, &[1, 2, 3], &[4], [0.0; 6]),
        (3, &[1, 2, 3], &[], [0.0; 6]),
        (3, &[], &[1], [0.0; 6]),
        // The order of what is relevant does not count, that of what is ranked does.
        (3, &[9, 2, 3], &[3, 2], [1.0, 0.5, 2.0 / 3.0, 1.0, (gain(1) + gain(2)) / (gain(0) + gain(1)), 1.0]),
        // A short answer has empty places, which count for precision.
        (4, &[1], &[1, 2], [1.0, 1.0, 0.25, 0.5, gain(0) / (gain(0) + gain(1)), 0.5]),
        // More is relevant than there are places: the best that can be is 1 for NDCG, and not for recall.
        (2, &[1, 2], &[1, 2, 3, 4], [1.0, 1.0, 1.0, 0.5, 1.0, 1.0]),
        // What comes twice can be found once, and counts twice in the denominator of recall.
        (2, &[1, 9], &[1, 1, 2], [1.0, 1.0, 0.5, 1.0 / 3.0, gain(0) / (gain(0) + gain(1)), 0.5]),
        (2, &[1, 9], &[1, 1], [1.0, 1.0, 0.5, 0.5, 1.0, 1.0]),
        (1, &[5], &[6, 5], [1.0, 1.0, 1.0, 0.5, 1.0, 1.0]),
    ];
    for (k, ranked, relevant, expected) in rows {
        let (ranked, relevant) = (items(ranked), items(relevant));
        let found = [
            hit(&ranked, &relevant),
            reciprocal_rank(&ranked, &relevant),
            precision(&ranked, &relevant, k),
            recall(&ranked, &relevant),
            ndcg(&ranked, &relevant, k),
            recall_capped(&ranked, &relevant, k),
        ];
        for (found, expected) in found.into_iter().zip(expected) {
            close(found, expected, &format!("k {k}, {ranked:?}, {relevant:?}"));
        }
    }
}

#[test]
fn spread_of_recommendations() {
    for (counts, share, evenness) in [
        (&[][..], 0.0, 0.0),
        (&[0, 0], 0.0, 0.0),
        (&[4], 1.0, 0.0),
        (&[2, 2, 2], 1.0, 0.0),
        (&[0, 9], 0.5, 0.5),
        (&[1, 3], 1.0, 0.25),         // (-1 · 1 + 1 · 3) / (2 · 4)
        (&[3, 1, 0], 2.0 / 3.0, 0.5), // (0 · 1 + 2 · 3) / (3 · 4)
        (&[0, 0, 0, 0, 10], 0.2, 0.8),
    ] {
        close(coverage(counts), share, &format!("coverage of {counts:?}"));
        close(gini(counts), evenness, &format!("gini of {counts:?}"));
    }
}

/// Hits look at the next item, the rest at all that came; only the first `k` are looked at.
#[test]
fn a_tally_is_the_mean_of_its_predictions() {
    let mut tally = Tally::new(2);
    tally.add_sequence(&items(&[1, 2, 3]), &items(&[3, 1]));
    tally.add_sequence(&items(&[4, 5]), &items(&[5]));
    let scores = tally.scores(&items(&[1, 2, 3, 4, 5]));
    let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    close(scores.hit_rate, 0.5, "hit rate");
    close(scores.mrr, 0.25, "mrr");
    close(scores.precision, 0.5, "precision");
    close(scores.recall, 0.75, "recall");
    close(scores.ndcg, (gain(0) / (gain(0) + gain(1)) + gain(1)) / 2.0, "ndcg");
    close(scores.coverage, 0.8, "coverage: 3 was beyond k");
    assert_eq!(scores.predictions, 2);
    tally.add(&items(&[1, 2]), &items(&[9, 8, 2]));
    let scores = tally.scores(&[]);
    close(scores.recall, (0.75 * 2.0 + 0.5) / 3.0, "recall of three, of which two could be found");
    close(scores.mrr, (0.25 * 2.0 + 0.5) / 3.0, "the first of several");
    assert_eq!(Tally::new(2).scores(&[]), Scores::default());
}

fn rankings() -> impl Strategy<Value = (Vec<u32>, Vec<u32>, usize)> {
    let ranked = Just((0..12).collect::<Vec<u32>>()).prop_shuffle();
    (ranked, prop::collection::vec(0_u32..20, 0..15), 1_usize..12)
}

proptest! {
    #[test]
    fn metrics_are_shares((ranked, relevant, k) in rankings()) {
        let (ranked, relevant) = (items(&ranked[..k]), items(&relevant));
        let all = [
            hit(&ranked, &relevant),
            reciprocal_rank(&ranked, &relevant),
            precision(&ranked, &relevant, k),
            recall(&ranked, &relevant),
            ndcg(&ranked, &relevant, k),
            recall_capped(&ranked, &relevant, k),
        ];
        prop_assert!(all.iter().all(|share| (0.0..=1.0 + 1e-12).contains(share)), "{all:?}");
        // Either all of them see a relevant item, or none does.
        prop_assert!(all.iter().all(|share| (*share > 0.0) == (all[0] > 0.0)), "{all:?}");
    }

    /// A longer list finds no less.
    #[test]
    fn more_places_find_no_less((ranked, relevant, k) in rankings()) {
        let (ranked, relevant) = (items(&ranked), items(&relevant));
        let of = |k: usize| [
            hit(&ranked[..k], &relevant),
            reciprocal_rank(&ranked[..k], &relevant),
            recall(&ranked[..k], &relevant),
        ];
        for (shorter, longer) in of(k).into_iter().zip(of(k + 1).into_iter()) {
            prop_assert!(longer >= shorter);
        }
    }

    /// A relevant item that moves up does no harm, and does good to what looks at ranks.
    #[test]
    fn better_ranks_score_better((ranked, relevant, k) in rankings()) {
        let (mut ranked, relevant) = (items(&ranked[..k]), items(&relevant));
        let before = (ndcg(&ranked, &relevant, k), reciprocal_rank(&ranked, &relevant));
        for place in 1..k {
            if relevant.contains(&ranked[place]) && !relevant.contains(&ranked[place - 1]) {
                ranked.swap(place, place - 1);
                prop_assert!(ndcg(&ranked, &relevant, k) > before.0);
                prop_assert!(reciprocal_rank(&ranked, &relevant) >= before.1);
                break;
            }
        }
    }

    /// By the definition: half the mean difference between two items, over the mean.
    #[test]
    fn gini_is_the_mean_difference(counts in prop::collection::vec(0_u64..50, 1..20)) {
        let (n, total) = (counts.len() as f64, counts.iter().sum::<u64>() as f64);
        let pairs = counts.iter().flat_map(|a| counts.iter().map(move |b| a.abs_diff(*b) as f64));
        let naive = if total > 0.0 { pairs.sum::<f64>() / (2.0 * n * total) } else { 0.0 };
        prop_assert!((gini(&counts) - naive).abs() < 1e-9);
    }
}
