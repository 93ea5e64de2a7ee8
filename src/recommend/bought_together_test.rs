use super::*;
use crate::recommend::Query;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What happened: user, pause since the last one in seconds, item, whether it was bought.
type History = Vec<(u32, i64, u32, bool)>;

fn histories() -> impl Strategy<Value = History> {
    let pause = prop_oneof![12 => 0_i64..20, 2 => 0_i64..3_000, 1 => 0_i64..500_000];
    prop::collection::vec((0_u32..4, pause, 0_u32..8, prop::bool::weighted(0.9)), 1..200)
}

const START: Instant = Instant::from_millis(1_700_000_000_000);
const GAP: i64 = 600;

fn params() -> BoughtTogetherParams {
    let params = BoughtTogether::params().half_life(Duration::days(10)).basket_gap(Duration::seconds(GAP));
    params.pairs_min(1.5).lift(0.5)
}

fn interactions(history: &History) -> (Vec<Interaction<'static>>, Instant) {
    let mut now = START;
    let of = |&(user, pause, item, is_bought): &(u32, i64, u32, bool)| {
        now = now + Duration::seconds(pause);
        let action = if is_bought { Action::Bought } else { Action::Viewed };
        Interaction::new(user, ItemId::new(item), now).with_action(action)
    };
    (history.iter().map(of).collect(), now)
}

fn learned(interactions: &[Interaction<'_>]) -> BoughtTogether {
    let mut baskets = params().check().unwrap();
    interactions.iter().for_each(|interaction| baskets.learn(interaction));
    baskets
}

fn eight_items() -> Items {
    let mut items = Items::new();
    for number in 0..8 {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

/// The formulas by the letter: pairs, items and baskets counted over the whole history.
fn naive(interactions: &[Interaction<'_>], now: Instant, named: &[u32]) -> BTreeMap<u32, f64> {
    let mut baskets: BTreeMap<u32, (Instant, BTreeSet<u32>)> = BTreeMap::new();
    let (mut pairs, mut singles, mut all) = (BTreeMap::new(), BTreeMap::new(), 0.0);
    for bought in interactions.iter().filter(|i| i.action() == Action::Bought) {
        let amount = (-((now - bought.at()).as_millis() as f64) / 864_000_000.0).exp2();
        let (newest, basket) = baskets.entry(bought.user()).or_insert((bought.at(), BTreeSet::new()));
        if bought.at() - *newest > Duration::seconds(GAP) {
            basket.clear();
        }
        *newest = bought.at();
        let item = bought.item().number();
        if basket.contains(&item) {
            continue;
        }
        all += if basket.is_empty() { amount } else { 0.0 };
        *singles.entry(item).or_insert(0.0) += amount;
        for &other in basket.iter() {
            *pairs.entry((item, other)).or_insert(0.0) += amount;
            *pairs.entry((other, item)).or_insert(0.0) += amount;
        }
        basket.insert(item);
    }
    let mut scores = BTreeMap::new();
    for i in named {
        for (&(_, j), &together) in pairs.range((*i, 0)..(*i + 1, 0)) {
            let (share, by_chance): (f64, f64) = ((together / singles[i]).min(1.0), singles[&j] / all);
            let (n, z) = (singles[i], WILSON_Z);
            let root = (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
            let bound = (share + z * z / (2.0 * n) - z * root) / (1.0 + z * z / n);
            if together >= 1.5 && bound > by_chance && !named.contains(&j) {
                *scores.entry(j).or_insert(0.0) += (share / by_chance).sqrt() * share;
            }
        }
    }
    scores
}

proptest! {
    #[test]
    fn scores_are_the_formulas(history in histories(), named in prop::sample::subsequence((0..8).collect::<Vec<u32>>(), 1..3)) {
        let (interactions, now) = interactions(&history);
        let (baskets, items) = (learned(&interactions), eight_items());
        let query = Query::complementary_to(named.iter().map(u32::to_string)).limit(20);
        let answer = baskets.recommend(&query.resolve(&items, None, now).unwrap());
        let expected = naive(&interactions, now, &named);
        // Where a pair is at the edge of a bound, rounding may let it in or out.
        prop_assert!(answer.len().abs_diff(expected.len()) <= 1);
        for found in &answer {
            if let Some(score) = expected.get(&found.item.number()) {
                prop_assert!((found.score - score).abs() <= 1e-4 * score, "{} is not {score}", found.score);
            }
        }
        prop_assert!(answer.is_sorted_by(|a, b| a.score >= b.score));
    }

    /// What a user taught can be taken back: all of it, or what is known to have been learned since an instant.
    #[test]
    fn taken_back_is_never_learned(history in histories(), user in 0_u32..4) {
        let (all, now) = interactions(&history);
        let (own, others): (Vec<_>, Vec<_>) = all.iter().copied().partition(|i| i.user() == user);
        let mut model = learned(&all);
        model.unlearn(&own, Instant::MIN);
        model.forget(user);
        let expected = learned(&others);
        let items = eight_items();
        for item in 0..8 {
            let query = Query::complementary_to([item.to_string()]).limit(20);
            let request = query.resolve(&items, None, now).unwrap();
            let (found, expected) = (model.recommend(&request), expected.recommend(&request));
            prop_assert!(found.len().abs_diff(expected.len()) <= 1);
            for (found, expected) in found.iter().zip(&expected).filter(|(a, b)| a.item == b.item) {
                prop_assert!((found.score - expected.score).abs() <= 1e-3 * expected.score);
            }
        }
        model.relearn(&own, Instant::MIN);
        let whole = learned(&all);
        prop_assert!((model.baskets - whole.baskets).abs() <= 1e-6 * whole.baskets + 1e-9);
    }
}

proptest! {
    /// What two halves of the users bought, put together, is what all of them bought.
    #[test]
    fn halves_make_a_whole(history in histories()) {
        let (all, _) = interactions(&history);
        let (even, odd): (Vec<_>, Vec<_>) = all.iter().copied().partition(|i| i.user() % 2 == 0);
        // The other half numbers its items the other way around.
        let flipped = |item: ItemId| ItemId::new(7 - item.number());
        let odd: Vec<_> = odd
            .iter()
            .map(|i| Interaction::new(i.user(), flipped(i.item()), i.at()).with_action(i.action()))
            .collect();
        let (mut merged, whole, mut bytes) = (learned(&even), learned(&all), Vec::new());
        learned(&odd).checkpoint(&mut bytes);
        merged.merge(&bytes, &(0..8).map(|n| flipped(ItemId::new(n))).collect::<Vec<_>>()).unwrap();

        let numbers = |model: &BoughtTogether| {
            // In halvings since the landmark, which differs.
            let worth = model.decay.worth(START + Duration::days(600));
            let row = |row: &ItemRow| {
                let pair = |(item, weight): (ItemId, f32)| (item, f64::from(weight) * worth);
                let pairs: BTreeMap<ItemId, f64> = row.neighbours.iter().map(pair).collect();
                (row.baskets * worth, pairs)
            };
            (model.baskets * worth, model.rows.iter().map(row).collect::<Vec<_>>())
        };
        let ((found, rows), (expected, expected_rows)) = (numbers(&merged), numbers(&whole));
        let is_near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b + 1e-30;
        prop_assert!(is_near(found, expected));
        for ((found, pairs), (expected, expected_pairs)) in rows.iter().zip(&expected_rows) {
            prop_assert!(is_near(*found, *expected));
            prop_assert!(pairs.keys().eq(expected_pairs.keys()));
            prop_assert!(pairs.values().zip(expected_pairs.values()).all(|(a, b)| is_near(*a, *b)));
        }
    }
}

#[test]
fn wilson_by_hand() {
    // 8 of 10, z = 1.2816: (0.8 + 0.0821 - 1.2816 sqrt(0.016 + 0.0041)) / 1.1642
    assert!((wilson(0.8, 10.0) - 0.6015).abs() < 2e-3, "{}", wilson(0.8, 10.0));
    assert!(wilson(1.0, 3.0) < 0.7 && wilson(0.0, 3.0).abs() < 1e-12);
}

/// What is in every basket goes with nothing in particular.
#[test]
fn a_bag_goes_with_nothing() {
    let mut interactions = Vec::new();
    for user in 0..60 {
        let at = START + Duration::hours(i64::from(user));
        let of_basket = [0, 1 + 2 * (user % 3), 2 + 2 * (user % 3)];
        let bought = |item| Interaction::new(user, ItemId::new(item), at).with_action(Action::Bought);
        interactions.extend(of_basket.map(bought));
    }
    let (baskets, items) = (learned(&interactions), eight_items());
    let query = Query::complementary_to(["1"]);
    let answer = baskets.recommend(&query.resolve(&items, None, START).unwrap());
    let shown: Vec<_> = answer.iter().map(|r| r.item.number()).collect();
    assert_eq!(shown, [2]);
    assert_eq!(answer[0].reason, Reason::BoughtWith { item: ItemId::new(1) });
}

#[test]
fn out_of_range_is_refused() {
    for params in [
        BoughtTogether::params().half_life(Duration::ZERO),
        BoughtTogether::params().basket_gap(Duration::days(-1)),
        BoughtTogether::params().neighbours(0),
        BoughtTogether::params().pairs_min(f64::NAN),
        BoughtTogether::params().lift(-0.1),
        BoughtTogether::params().k_min(21),
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { .. })));
    }
}
