use super::*;
use crate::model::{Duration, stable_hash};
use crate::recommend::Query;
use proptest::prelude::*;

/// What happened: user, item, weight.
type Events = Vec<(u32, u32, f32)>;

const ITEMS: u32 = 15;

fn events() -> impl Strategy<Value = Events> {
    let weight = prop_oneof![6 => Just(1.0_f32), 1 => Just(3.0), 1 => Just(-1.0)];
    prop::collection::vec((0_u32..8, 0..ITEMS, weight), 1..120)
}

fn items() -> Items {
    let mut items = Items::new();
    for number in 0..ITEMS {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

fn now() -> Instant {
    Instant::from_millis(1_700_000_000_000)
}

fn params() -> AlsParams {
    Als::params().factors(5).sweeps(4).history(20).regularisation(0.05)
}

fn learn(als: &mut Als, events: &Events) {
    for (n, &(user, item, weight)) in events.iter().enumerate() {
        let at = now() + Duration::seconds(n as i64);
        als.learn(&Interaction::new(user, ItemId::new(item), at).with_weight(weight));
    }
}

fn swept(params: AlsParams, events: &Events, budget: usize) -> Als {
    let mut als = params.check().unwrap();
    learn(&mut als, events);
    while als.tick(now(), budget) {}
    als
}

fn bytes(als: &Als) -> Vec<u8> {
    let mut bytes = Vec::new();
    als.checkpoint(&mut bytes);
    bytes
}

fn answer(als: &Als, query: &Query, user: u32) -> Vec<(u32, f64, Option<u32>)> {
    let items = items();
    let answer = als.recommend(&query.resolve(&items, Some(user), now()).unwrap());
    answer.iter().map(|r| (r.item.number(), r.score, r.reason.item().map(ItemId::number))).collect()
}

/// Solves `A x = b` by Gauss and Jordan, in 64 bits.
fn solution(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = a[k][k];
        a[k].iter_mut().for_each(|value| *value /= pivot);
        b[k] /= pivot;
        for i in (0..n).filter(|i| *i != k) {
            let factor = a[i][k];
            let pivot_row = a[k].clone();
            a[i].iter_mut().zip(&pivot_row).for_each(|(value, other)| *value -= factor * other);
            b[i] -= factor * b[k];
        }
    }
    b
}

/// The normal equations of a user by the letter, over all items one by one.
fn naive(als: &Als, chosen: &[(u32, f64)]) -> Vec<f64> {
    let f = als.params.factors;
    let count = als.vectors.len();
    let vector = |item: u32| -> Vec<f64> {
        als.vector(ItemId::new(item)).map_or(vec![0.0; f], |v| v.iter().map(|x| f64::from(*x)).collect())
    };
    let (mut a, mut b) = (vec![vec![0.0; f]; f], vec![0.0; f]);
    let mut add = |item: u32, weight: f64, wanted: f64| {
        let h = vector(item);
        for i in 0..f {
            (0..f).for_each(|j| a[i][j] += weight * h[i] * h[j]);
            b[i] += weight * wanted * h[i];
        }
    };
    (0..count as u32).for_each(|item| add(item, als.params.unobserved, 0.0));
    let known = chosen.iter().filter(|(item, _)| (*item as usize) < count);
    known.clone().for_each(|&(item, weight)| add(item, weight.abs(), f64::from(u8::from(weight > 0.0))));
    let sum: f64 = known.map(|(_, weight)| weight.abs()).sum();
    let ridge =
        als.params.regularisation * (sum + als.params.unobserved * count as f64).powf(als.params.frequency);
    (0..f).for_each(|i| a[i][i] += ridge);
    solution(a, b)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-3 * (1.0 + b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// So many items that most are none of the best for their length alone: the same are found as by looking at all,
    /// also where many score the same, where a filter leaves hardly any, and where vectors are next to nothing.
    #[test]
    fn the_best_of_many_are_the_best_of_all(
        seed in any::<u64>(), limit in 1_usize..8, admitted in prop_oneof![Just(1_u32), Just(3), Just(90)],
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut items = Items::new();
        let mut als = Als::params().factors(5).check().unwrap();
        let mut vector = |of: [f32; 5]| {
            let exponent = [0, 0, 0, -4, -19, -22, -40][random.usize(..7)];
            let scale = 10_f32.powi(exponent) * (1.0 + 0.2 * random.f32());
            of.map(|value| scale * (value + 0.1 * (random.f32() - 0.5)))
        };
        // Most point to where the user does, so that their scores are hardly below the product of the lengths.
        let user = vector([0.4, -0.3, 0.5, 0.2, -0.6]);
        let mut last = user;
        for number in 0..700 {
            let item = items.intern(&number.to_string()).unwrap();
            als.tally.note(&Interaction::new(1, item, now() + Duration::seconds(number % 50)));
            last = match number % 4 {
                0 => last,
                1 => vector([0.0; 5]),
                _ => vector([0.4, -0.3, 0.5, 0.2, -0.6]),
            };
            als.set_vector(item, &last);
        }
        let admits = |item: ItemId| item.number().is_multiple_of(admitted);
        let query = Query::for_user().limit(limit);
        let request = query.resolve(&items, Some(1), now()).unwrap().with_filter(&admits);
        let all = als.vectors().map(|(item, vector, _)| (f64::from(dot(&user, vector)), item)).collect();
        let expected = als.tally.best(all, &request, None);
        prop_assert_eq!(als.best(&user, &request, None), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fold_in_solves_the_normal_equations(events in events(), user in 0_u32..8) {
        let als = swept(params(), &events, usize::MAX);
        let mut chosen: Vec<(u32, f64)> = events.iter().filter(|(other, _, _)| *other == user).map(|(_, item, weight)| (*item, f64::from(*weight))).collect();
        chosen.drain(..chosen.len().saturating_sub(20));
        let x = naive(&als, &chosen);
        let query = Query::for_user().limit(ITEMS as usize).allow_repeat(true);
        for (item, score, because) in answer(&als, &query, user) {
            let h = als.vector(ItemId::new(item)).unwrap();
            let expected: f64 = x.iter().zip(h).map(|(x, h)| x * f64::from(*h)).sum();
            prop_assert!(near(score, expected), "{score} is not {expected}");
            prop_assert!(chosen.iter().any(|(item, weight)| Some(*item) == because && *weight > 0.0));
        }
    }

    /// The shares of what was chosen add up to the score.
    #[test]
    fn every_item_has_its_share(events in events(), user in 0_u32..8, item in 0..ITEMS) {
        let als = swept(params(), &events, usize::MAX);
        let Some(member) = als.users.get(user) else { return Ok(()) };
        let Some(vector) = als.vector(ItemId::new(item)) else { return Ok(()) };
        let fold = als.fold_in(member.history.iter().map(|past| (past.item, past.weight)));
        let influence = fold.influence(vector);
        let share = |past: Past| als.vector(past.item).map_or(0.0, |h| past.weight.max(0.0) * dot(&influence, h));
        let sum: f32 = member.history.iter().map(share).sum();
        prop_assert!(near(sum.into(), dot(&fold.vector, vector).into()));
    }

    #[test]
    fn grams_are_kept_up_to_date(events in events(), more in events(), forgotten in 0_u32..8) {
        let mut als = swept(params(), &events, usize::MAX);
        learn(&mut als, &more);
        als.tick(now(), 11);
        als.forget(forgotten);
        let (mut users, mut items) = (Gram::new(5), Gram::new(5));
        als.users.iter().for_each(|(_, member)| users.replace(&[], &member.vector));
        als.vectors.iter().for_each(|vector| items.replace(&[], vector));
        for (kept, anew) in [(&als.user_gram, &users), (&als.item_gram, &items)] {
            let (mut kept_sums, mut anew_sums) = (Vec::new(), Vec::new());
            kept.write(&mut kept_sums);
            anew.write(&mut anew_sums);
            for (kept, anew) in kept_sums.as_chunks().0.iter().zip(anew_sums.as_chunks().0) {
                let (kept, anew) = (f64::from_le_bytes(*kept), f64::from_le_bytes(*anew));
                prop_assert!((kept - anew).abs() < 1e-9, "{kept} is not {anew}");
            }
        }
        prop_assert_eq!(als.user_count, als.users.iter().count());
        prop_assert_eq!(als.kept, als.users.iter().map(|(_, member)| member.history.iter().len()).sum::<usize>());
    }

    /// In pieces, and put down and taken up between them.
    #[test]
    fn pieces_make_the_whole(events in events(), more in events(), budget in 1_usize..20) {
        let mut whole = swept(params(), &events, usize::MAX);
        let mut pieces = swept(params(), &events, budget);
        learn(&mut whole, &more);
        learn(&mut pieces, &more);
        while whole.tick(now(), usize::MAX) {}
        while pieces.tick(now(), budget) {
            let mut taken_up = params().check().unwrap();
            taken_up.restore(&bytes(&pieces), &items()).unwrap();
            prop_assert_eq!(bytes(&taken_up), bytes(&pieces));
            pieces = taken_up;
        }
        prop_assert_eq!(bytes(&pieces), bytes(&whole));
    }

    #[test]
    fn bytes_that_are_no_checkpoint_change_nothing(events in events(), at in 0.0_f64..1.0, flip in 1_u8..=255) {
        let mut als = params().check().unwrap();
        learn(&mut als, &events);
        als.tick(now(), 9);
        let before = bytes(&als);
        let mut broken = before.clone();
        let place = (at * broken.len() as f64) as usize;
        broken[place] ^= flip;
        if als.restore(&broken, &items()).is_err() {
            prop_assert_eq!(bytes(&als), before.clone());
        } else {
            answer(&als, &Query::for_user(), 1);
            for _ in 0..100 {
                als.tick(now(), 100);
            }
        }
        prop_assert!(als.restore(&before[..place], &items()).is_err());
    }
}

/// Two tastes that no user shares.
fn two_tastes() -> Events {
    let mut random = fastrand::Rng::with_seed(6);
    let mut event = || {
        let user = random.u32(0..8);
        (user, user % 2 * 7 + random.u32(0..7), 1.0)
    };
    (0..200).map(|_| event()).collect()
}

/// Forgotten before anything was swept: the same bits as without.
#[test]
fn a_forgotten_user_was_never_there() {
    let events = two_tastes();
    let mut als = params().check().unwrap();
    learn(&mut als, &events);
    als.forget(4);
    while als.tick(now(), 3) {}
    let others: Events = events.iter().filter(|(user, _, _)| *user != 4).copied().collect();
    let never = swept(params(), &others, 5);
    assert_eq!(als.vectors, never.vectors);
    assert!(answer(&als, &Query::for_user(), 4).is_empty());

    // Forgotten in the middle of a sweep, it is gone from what the sweep has gathered.
    let mut als = params().check().unwrap();
    learn(&mut als, &events);
    als.tick(now(), 8);
    als.forget(4);
    assert!(
        matches!(&als.sweep, Sweep::Users(_, rows) if rows.users.iter().flatten().all(|(user, _)| *user != 4))
    );
}

#[test]
fn tastes_are_told_apart() {
    let als = swept(params(), &two_tastes(), 100);
    for (user, taste) in [(0, 0..7), (1, 7..14)] {
        let found = answer(&als, &Query::for_user().limit(6), user);
        assert_eq!(found.len(), 6);
        assert!(
            found.iter().all(|(item, _, because)| taste.contains(item) && taste.contains(&because.unwrap()))
        );
    }
    let like = answer(&als, &Query::similar_to("8").limit(5), 0);
    assert!(
        like.iter()
            .all(|(item, score, because)| (7..14).contains(item) && *score <= 1.0001 && *because == Some(8))
    );
}

#[test]
fn a_new_item_and_a_no_count_at_once() {
    let mut als = swept(params(), &two_tastes(), 100);
    // Item 14 is new, and three users of the second taste choose it.
    learn(&mut als, &vec![(1, 14, 1.0), (3, 14, 1.0), (5, 14, 1.0)]);
    let place = |als: &Als, user: u32, item: u32| {
        let found = answer(als, &Query::for_user().limit(ITEMS as usize), user);
        found.iter().position(|(other, _, _)| *other == item)
    };
    assert!(place(&als, 7, 14).is_some_and(|place| place < 8));
    assert!(place(&als, 2, 14).is_none_or(|place| place >= 7));
    // One who refuses what that taste is made of no longer gets it first.
    let before = answer(&als, &Query::for_user().limit(1), 7)[0];
    learn(&mut als, &vec![(7, before.0, -20.0), (7, 14, 0.0)]);
    assert!(answer(&als, &Query::for_user().limit(1), 7)[0].0 != before.0);
}

#[test]
fn parameters_out_of_range_are_refused() {
    for (params, name) in [
        (Als::params().half_life(Duration::seconds(1)), "half_life"),
        (Als::params().factors(0), "factors"),
        (Als::params().history(0), "history"),
        (Als::params().unobserved(0.0), "unobserved"),
        (Als::params().regularisation(f64::NAN), "regularisation"),
        (Als::params().frequency(1.1), "frequency"),
        (Als::params().recency(-1.0), "recency"),
        (Als::params().sweeps(0), "sweeps"),
        (Als::params().k_min(0), "k_min"),
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { name: found, .. }) if found == name));
    }
}

/// Journals are replayed on other machines and by later versions: these bytes may not move unnoticed.
#[test]
fn the_same_bytes_on_every_machine() {
    let als = swept(params().half_life(Duration::minutes(1)).frequency(0.7), &two_tastes(), 3);
    assert_eq!(stable_hash(&[&bytes(&als)]) as u64, 0x90eb_47e8_7154_d8ef);
}
