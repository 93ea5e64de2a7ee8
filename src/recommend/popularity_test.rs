use super::*;
use crate::recommend::{Items, Query};
use proptest::prelude::*;

/// What happened: seconds, item, weight, place (0 is none).
type History = Vec<(i64, u32, f32, u8)>;

fn histories(days: i64) -> impl Strategy<Value = History> {
    let weight = prop_oneof![Just(1.0_f32), Just(5.0), 0.1_f32..3.0];
    prop::collection::vec((0..days * 86_400, 0_u32..30, weight, 0_u8..4), 1..150)
}

fn at(seconds: i64) -> Instant {
    Instant::from_millis(1_700_000_000_000) + Duration::seconds(seconds)
}

fn thirty_items() -> Items {
    let mut items = Items::new();
    for number in 0..30 {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

const PLACES: [&[(&str, &str)]; 4] =
    [&[], &[("place", "gym")], &[("device", "tv"), ("place", "home")], &[("place", "park")]];

fn learned(history: &History) -> Popularity {
    let mut popularity = Popularity::params().half_life(Duration::days(1)).context("place").check().unwrap();
    for (user, &(seconds, item, weight, place)) in history.iter().enumerate() {
        let interaction = Interaction::new(user as u32, ItemId::new(item), at(seconds)).with_weight(weight);
        popularity.learn(&interaction.with_context(PLACES[usize::from(place)]));
    }
    popularity
}

/// `Σ w 2^-((now - t) / 1d)` of an item, or of all, in a place, or everywhere.
fn naive(history: &History, now: i64, item: Option<u32>, place: Option<u8>) -> f64 {
    let counted = history
        .iter()
        .filter(|(_, i, _, p)| item.is_none_or(|item| item == *i) && place.is_none_or(|place| place == *p));
    counted
        .map(|&(t, _, weight, _)| f64::from(weight) * ((t - now) as f64 / 86_400.0).exp2())
        .fold(0.0, |sum, x| sum + x)
}

fn naive_score(history: &History, now: i64, item: u32, place: Option<u8>) -> f64 {
    let share = naive(history, now, Some(item), None) / naive(history, now, None, None);
    match place {
        None => share,
        Some(_) => {
            let (here, all) = (naive(history, now, Some(item), place), naive(history, now, None, place));
            (here + 20.0 * share) / (all + 20.0)
        }
    }
}

fn check(history: &History, query: &Query, place: Option<u8>, now: i64) -> Result<(), TestCaseError> {
    let (items, popularity) = (thirty_items(), learned(history));
    popularity.everywhere.validate().unwrap();
    let request = query.resolve(&items, None, at(now)).unwrap();
    let answer = popularity.recommend(&request);

    let seen = |item: &u32| history.iter().any(|(_, i, _, _)| i == item);
    let admitted = |item: &u32| request.admits(ItemId::new(*item));
    let mut expected: Vec<f64> =
        (0..30).filter(seen).filter(admitted).map(|item| naive_score(history, now, item, place)).collect();
    expected.sort_by(|a, b| b.total_cmp(a));
    expected.truncate(request.limit());
    prop_assert_eq!(answer.len(), expected.len());
    for (found, best) in answer.iter().zip(expected) {
        let naive = naive_score(history, now, found.item.number(), place);
        prop_assert!((found.score - naive).abs() <= 1e-9 * naive, "{} is not {naive}", found.score);
        prop_assert!((found.score - best).abs() <= 1e-9 * best, "{} is not the best {best}", found.score);
    }
    Ok(())
}

proptest! {
    /// With half-lives of a day and half a year of history, the landmark moves on the way.
    #[test]
    fn shares_equal_naive_sums(history in histories(180), limit in 1_usize..40, later in 0_i64..100_000) {
        check(&history, &Query::popular().limit(limit).excluding(["3", "4"]), None, 180 * 86_400 + later)?;
    }

    #[test]
    fn shrunken_shares_equal_naive_sums(history in histories(3), limit in 1_usize..40, later in 0_i64..100_000) {
        let gym = Query::popular().limit(limit).excluding(["3", "4"]).context("place", "gym");
        let present = history.iter().any(|(_, _, _, place)| *place == 1);
        check(&history, &gym, present.then_some(1), 3 * 86_400 + later)?;
    }

    #[test]
    fn the_same_history_gives_the_same_bytes(history in histories(100)) {
        let bytes = || serde_json::to_vec(&learned(&history)).unwrap();
        prop_assert_eq!(bytes(), bytes());
    }
}

/// More items than the head holds, and a place whose order is not that of all.
#[test]
fn a_large_catalogue_is_ranked_exactly() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut items = Items::new();
    let mut popularity = Popularity::params().context("place").check().unwrap();
    let (mut all, mut gym) = (vec![0.0; 5_000], vec![0.0; 5_000]);
    for _ in 0..100_000 {
        let (item, in_gym) = ((random.f64() * random.f64() * 5_000.0) as usize, random.u8(..) < 60);
        let item = if in_gym { (item * 7 + 1_000) % 5_000 } else { item };
        while items.len() <= item {
            items.intern(&items.len().to_string()).unwrap();
        }
        let interaction = Interaction::new(0, ItemId::new(item as u32), at(0));
        popularity.learn(&interaction.with_context(PLACES[usize::from(in_gym)]));
        all[item] += 1.0;
        gym[item] += f64::from(u8::from(in_gym));
    }
    let (all_total, gym_total) = (all.iter().sum::<f64>(), gym.iter().sum::<f64>());
    let mut expected: Vec<(f64, usize)> =
        (0..5_000).map(|i| ((gym[i] + 20.0 * (all[i] / all_total)) / (gym_total + 20.0), i)).collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let query = Query::popular().context("place", "gym").limit(200);
    let answer = popularity.recommend(&query.resolve(&items, None, at(0)).unwrap());
    let found: Vec<(f64, usize)> = answer.iter().map(|r| (r.score, r.item.index())).collect();
    assert_eq!(found, expected[..200]);
}

#[test]
fn ties_go_to_the_newest_then_to_the_lower_number() {
    let items = thirty_items();
    let mut popularity = Popularity::default();
    // Item 5 counts twice as much, and half of it is gone when the others come.
    for (item, days, weight) in [(5, 0, 2.0), (9, 7, 1.0), (2, 7, 1.0), (1, 7, 0.5)] {
        let interaction = Interaction::new(0, ItemId::new(item), at(days * 86_400));
        popularity.learn(&interaction.with_weight(weight));
    }
    let answer = popularity.recommend(&Query::popular().resolve(&items, None, at(0)).unwrap());
    let order: Vec<u32> = answer.iter().map(|r| r.item.number()).collect();
    assert_eq!(order, [2, 9, 5, 1]);
}

#[test]
fn counts_that_vanished_are_not_shown_as_popular() {
    let items = thirty_items();
    let mut popularity =
        Popularity::params().half_life(Duration::minutes(1)).context("place").check().unwrap();
    let gym =
        |item: u32, seconds: i64| Interaction::new(0, ItemId::new(item), at(seconds)).with_context(PLACES[1]);
    popularity.learn(&gym(1, 0));
    popularity.learn(&gym(2, 86_400 * 365));
    for query in [Query::popular(), Query::popular().context("place", "gym")] {
        let answer = popularity.recommend(&query.resolve(&items, None, at(86_400 * 365)).unwrap());
        assert_eq!(answer.len(), 1);
        assert_eq!((answer[0].item, answer[0].score), (ItemId::new(2), 1.0));
    }
}

/// What another partition counted long ago is worth less than any number, here and everywhere.
#[test]
fn counts_that_vanished_are_not_merged() {
    let items = thirty_items();
    let learned = |item: u32, seconds: i64| {
        let mut popularity =
            Popularity::params().half_life(Duration::minutes(1)).context("place").check().unwrap();
        popularity.learn(&Interaction::new(0, ItemId::new(item), at(seconds)).with_context(PLACES[1]));
        popularity
    };
    let (mut popularity, mut bytes) = (learned(2, 86_400 * 365), Vec::new());
    learned(1, 0).checkpoint(&mut bytes);
    let ours: Vec<ItemId> = items.iter().map(|(item, _)| item).collect();
    popularity.merge(&bytes, &ours).unwrap();
    let query = Query::popular().context("place", "gym");
    let answer = popularity.recommend(&query.resolve(&items, None, at(86_400 * 365)).unwrap());
    assert_eq!(answer.iter().map(|shown| shown.item.number()).collect::<Vec<_>>(), [2]);
}

#[test]
fn values_beyond_the_limit_count_everywhere_only() {
    let items = thirty_items();
    let mut popularity = Popularity::params().context("place").check().unwrap();
    for number in 0..CONTEXT_VALUES_MAX + 5 {
        let value = number.to_string();
        let context = [("place", value.as_str())];
        popularity.learn(&Interaction::new(0, ItemId::new(0), at(0)).with_context(&context));
    }
    assert_eq!(popularity.places.len(), CONTEXT_VALUES_MAX);
    for (value, reason) in [("999", "popular now for place 999"), ("1000", "popular now")] {
        let query = Query::popular().context("place", value);
        let answer = popularity.recommend(&query.resolve(&items, None, at(0)).unwrap());
        assert_eq!(answer[0].reason.display(&items).to_string(), reason);
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    for (params, message) in [
        (
            Popularity::params().half_life(Duration::ZERO),
            "`half_life` is 0s, but must be from `1m` to `36500d`",
        ),
        (Popularity::params().kappa(0.0), "`kappa` is 0, but must be above 0 and at most 1e9"),
        (Popularity::params().kappa(f64::NAN), "`kappa` is NaN, but must be above 0 and at most 1e9"),
    ] {
        assert_eq!(params.check().unwrap_err().to_string(), message);
    }
}
