use super::*;
use crate::model::Instant;
use crate::recommend::Query;
use proptest::prelude::*;

const ITEMS: u32 = 30;
const PLACES: [&[(&str, &str)]; 3] = [&[], &[("place", "gym")], &[("place", "home")]];

/// What happened: seconds, item, weight, place, user.
type History = Vec<(i64, u32, f32, usize, u32)>;

fn histories(days: i64) -> impl Strategy<Value = History> {
    let weight = prop_oneof![Just(1.0_f32), Just(5.0), Just(-1.0), 0.1_f32..3.0];
    prop::collection::vec((0..days * 86_400, 0..ITEMS, weight, 0_usize..3, 0_u32..4), 1..150)
}

fn at(seconds: i64) -> Instant {
    Instant::from_millis(1_700_000_000_000) + Duration::seconds(seconds)
}

fn items() -> Items {
    let mut items = Items::new();
    for number in 0..ITEMS {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

fn new(k_min: usize) -> Trending {
    Trending::params().context("place").k_min(k_min).check().unwrap()
}

fn learned(history: &History, k_min: usize) -> Trending {
    let mut trending = new(k_min);
    for &(seconds, item, weight, place, user) in history {
        let interaction = Interaction::new(user, ItemId::new(item), at(seconds)).with_weight(weight);
        trending.learn(&interaction.with_context(PLACES[place]));
    }
    trending
}

/// `Σ w 2^-((now - t) / half_life)` of an item, in a place or everywhere.
fn naive(history: &History, now: i64, item: u32, place: Option<usize>, half_life_days: f64) -> f64 {
    let counted = history
        .iter()
        .filter(|(_, i, w, p, _)| *i == item && *w > 0.0 && place.is_none_or(|place| place == *p));
    let worth = |t: i64| ((t - now) as f64 / (86_400.0 * half_life_days)).exp2();
    counted.map(|&(t, _, weight, ..)| f64::from(weight) * worth(t)).sum()
}

fn naive_trend(history: &History, now: i64, item: u32, place: Option<usize>) -> f64 {
    let everywhere =
        naive(history, now, item, None, 1.0) / (naive(history, now, item, None, 14.0) / 14.0 + 5.0);
    match place {
        None => everywhere,
        Some(_) => {
            let usual = naive(history, now, item, place, 14.0) / 14.0;
            (naive(history, now, item, place, 1.0) + 20.0 * everywhere) / (usual + 20.0)
        }
    }
}

proptest! {
    #[test]
    fn trends_equal_naive_sums(history in histories(90), limit in 1_usize..40, later in 0_i64..100_000, in_gym: bool) {
        let (items, trending, now) = (items(), learned(&history, 1), 90 * 86_400 + later);
        let query = Query::trending().limit(limit).excluding(["3", "4"]);
        let query = if in_gym { query.context("place", "gym") } else { query };
        let place = (in_gym && history.iter().any(|(_, _, w, place, _)| *place == 1 && *w > 0.0)).then_some(1);
        let request = query.resolve(&items, None, at(now)).unwrap();
        let answer = trending.recommend(&request);

        let seen = |item: &u32| history.iter().any(|(_, i, w, ..)| i == item && *w > 0.0);
        let admitted = |item: &u32| request.admits(ItemId::new(*item));
        let known = (0..ITEMS).filter(seen).filter(admitted);
        let mut expected: Vec<f64> = known.map(|item| naive_trend(&history, now, item, place)).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        expected.truncate(limit);
        // What happened sixty half-lives ago may count nothing by now.
        expected.retain(|trend| *trend > 1e-15);
        prop_assert!(answer.len() >= expected.len() && answer.len() <= limit);
        for (found, best) in answer.iter().zip(expected) {
            let naive = naive_trend(&history, now, found.item.number(), place);
            prop_assert!((found.score - naive).abs() <= 1e-9 * naive, "{} is not {naive}", found.score);
            prop_assert!((found.score - best).abs() <= 1e-9 * best, "{} is not the best {best}", found.score);
        }
    }

    #[test]
    fn halves_that_are_merged_equal_the_whole(history in histories(40)) {
        let part = |odd: bool| -> History { history.iter().filter(|e| (e.4 % 2 == 1) == odd).copied().collect() };
        let (mut merged, other, items) = (learned(&part(false), 1), learned(&part(true), 1), items());
        let mut bytes = Vec::new();
        other.checkpoint(&mut bytes);
        let numbers: Vec<ItemId> = (0..ITEMS).map(ItemId::new).collect();
        merged.merge(&bytes, &numbers).unwrap();
        let query = Query::trending().context("place", "gym").limit(100);
        let request = query.resolve(&items, None, at(40 * 86_400)).unwrap();
        let by_item = |trending: &Trending| {
            let mut answer = trending.recommend(&request);
            answer.retain(|r| r.score > 1e-12);
            answer.sort_by_key(|r| r.item);
            answer
        };
        let (found, expected) = (by_item(&merged), by_item(&learned(&history, 1)));
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!(found.item == expected.item && (found.score - expected.score).abs() <= 1e-9 * expected.score);
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else(history in histories(20), k_min in 1_usize..4) {
        let (trending, items) = (learned(&history, k_min), items());
        let bytes_of = |trending: &Trending| {
            let mut bytes = Vec::new();
            trending.checkpoint(&mut bytes);
            bytes
        };
        let bytes = bytes_of(&trending);
        let mut restored = new(k_min);
        restored.restore(&bytes, &items).unwrap();
        prop_assert_eq!(bytes_of(&restored), bytes.clone());
        for end in [0, bytes.len() / 2, bytes.len() - 1] {
            prop_assert!(restored.restore(&bytes[..end], &items).is_err());
        }
        prop_assert!(restored.restore(&bytes, &Items::new()).is_err() || trending.fast.everywhere().len() == 0);
        prop_assert_eq!(bytes_of(&restored), bytes);
    }

    /// What one user did shows nobody anything, and what was taken back is as if it had never been.
    #[test]
    fn few_users_are_not_shown(history in histories(10)) {
        let items = items();
        let query = Query::trending().limit(100);
        let request = query.resolve(&items, None, at(10 * 86_400)).unwrap();
        let users = |item: ItemId| {
            let of = history.iter().filter(|(_, i, w, ..)| *i == item.number() && *w > 0.0).map(|e| e.4);
            of.collect::<std::collections::BTreeSet<_>>().len()
        };
        for shown in learned(&history, 3).recommend(&request) {
            prop_assert!(users(shown.item) >= 3);
        }
        let mut trending = learned(&history, 1);
        let their = |e: &&(i64, u32, f32, usize, u32)| e.4 == 2 && e.2 > 0.0;
        let interactions = history.iter().filter(their).map(|&(seconds, item, weight, place, user)| {
            Interaction::new(user, ItemId::new(item), at(seconds)).with_weight(weight).with_context(PLACES[place])
        });
        trending.unlearn(&interactions.collect::<Vec<_>>(), true);
        let without: History = history.iter().filter(|e| e.4 != 2).copied().collect();
        let expected = learned(&without, 1).recommend(&request);
        let found = trending.recommend(&request);
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found.score - expected.score).abs() <= 1e-6);
        }
    }
}

#[test]
fn a_place_has_its_own_trends() {
    let items = items();
    let mut trending = new(1);
    let mut learn = |item: u32, hour: i64, place: usize| {
        trending.learn(&Interaction::new(1, ItemId::new(item), at(hour * 3_600)).with_context(PLACES[place]));
    };
    for hour in 0..24 * 60 {
        learn(0, hour, 1);
        learn(0, hour, 2);
        // Of late the first is on the rise at home, the second in the gym.
        if hour > 24 * 58 {
            (0..5).for_each(|_| learn(1, hour, 2));
            (0..3).for_each(|_| learn(2, hour, 1));
        }
    }
    let best = |query: Query| {
        let answer = trending.recommend(&query.resolve(&items, None, at(60 * 86_400)).unwrap());
        answer[0].reason.display(&items).to_string() + " " + &answer[0].item.number().to_string()
    };
    assert_eq!(best(Query::trending()), "on the rise 1");
    assert_eq!(best(Query::trending().context("place", "gym")), "on the rise for gym 2");
    assert_eq!(best(Query::trending().context("place", "home")), "on the rise for home 1");
    assert_eq!(best(Query::trending().context("place", "moon")), "on the rise 1");
    let popular = Query::popular();
    assert!(trending.recommend(&popular.resolve(&items, None, at(0)).unwrap()).is_empty());
}

#[test]
fn parameters_out_of_range_are_refused() {
    for (params, message) in [
        (
            Trending::params().half_life(Duration::days(14)),
            "`half_life_slow` is 14d, but must be longer than `half_life`",
        ),
        (
            Trending::params().half_life(Duration::ZERO),
            "`half_life` is 0s, but must be from `1m` to `36500d`",
        ),
        (Trending::params().prior(0.0), "`prior` is 0, but must be above 0 and at most 1e9"),
        (Trending::params().kappa(f64::NAN), "`kappa` is NaN, but must be above 0 and at most 1e9"),
        (Trending::params().k_min(21), "`k_min` is 21, but must be from 1 to 20"),
    ] {
        assert_eq!(params.check().unwrap_err().to_string(), message);
    }
}
