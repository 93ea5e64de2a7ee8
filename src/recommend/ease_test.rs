use super::*;
use crate::model::stable_hash;
use crate::recommend::Query;
use proptest::prelude::*;

/// What happened: user, item, weight.
type History = Vec<(u32, u32, f32)>;

const ITEMS: u32 = 40;

fn histories() -> impl Strategy<Value = History> {
    let weight = prop_oneof![6 => Just(1.0_f32), 1 => Just(3.0), 1 => Just(-1.0)];
    // More items than a tile has rows; and repeats.
    prop::collection::vec((0_u32..6, 0..ITEMS, weight), 1..200)
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

fn params() -> EaseParams {
    Ease::params().window(7).history(30).reach(3.0).ridge(2.0).recency(0.7)
}

fn learned(params: EaseParams, history: &History) -> Ease {
    let mut ease = params.check().unwrap();
    for (n, &(user, item, weight)) in history.iter().enumerate() {
        let at = now() + Duration::seconds(n as i64);
        ease.learn(&Interaction::new(user, ItemId::new(item), at).with_weight(weight));
    }
    ease
}

fn solved(params: EaseParams, history: &History, budget: usize) -> Ease {
    let mut ease = learned(params, history);
    while ease.tick(now() + Duration::days(1), budget) {}
    ease
}

fn bytes(ease: &Ease) -> Vec<u8> {
    let mut bytes = Vec::new();
    ease.checkpoint(&mut bytes);
    bytes
}

fn answer(ease: &Ease, query: &Query, user: u32) -> Vec<(u32, f64, Option<u32>)> {
    let items = items();
    let answer = ease.recommend(&query.resolve(&items, Some(user), now()).unwrap());
    answer.iter().map(|r| (r.item.number(), r.score, r.reason.item().map(ItemId::number))).collect()
}

/// The same model by the letter, in 64 bits.
struct Naive {
    head: Vec<u32>,
    b: Vec<Vec<f64>>,
    users: Vec<Vec<(u32, f64)>>,
}

impl Naive {
    fn new(history: &History, window: usize, keep: usize, reach: f64, ridge: f64) -> Naive {
        let mut users = vec![Vec::new(); 6];
        for &(user, item, weight) in history {
            users[user as usize].push((item, f64::from(weight)));
        }
        let of_head = |item: &u32| history.iter().any(|(_, other, weight)| other == item && *weight > 0.0);
        let head: Vec<u32> = (0..ITEMS).filter(of_head).collect();
        let n = head.len();
        let place = |item: u32| head.iter().position(|other| *other == item);
        let mut g = vec![vec![0.0; n]; n];
        for did in &mut users {
            did.drain(..did.len().saturating_sub(keep));
            let mut chosen: Vec<(u32, f64)> =
                did.iter().filter(|(_, weight)| *weight > 0.0).copied().collect();
            // Of a run of one item the newest is counted.
            chosen.reverse();
            chosen.dedup_by_key(|(item, _)| *item);
            for (p, (i, v)) in chosen.iter().enumerate() {
                for (q, (j, w)) in chosen.iter().enumerate() {
                    let end = 1.0 / (1.0 + window as f64 / reach);
                    let near = (1.0 / (1.0 + p.abs_diff(q) as f64 / reach) - end) / (1.0 - end);
                    g[place(*i).unwrap()][place(*j).unwrap()] += near.max(0.0) * (v * w).sqrt();
                }
            }
        }
        (0..n).for_each(|i| g[i][i] += ridge);
        let p = inverted(g);
        let b =
            (0..n).map(|i| (0..n).map(|j| if i == j { 0.0 } else { -p[i][j] / p[j][j] }).collect()).collect();
        Naive { head, b, users }
    }

    /// Terms of a user's score of the item at a place, newest first.
    fn terms(&self, user: usize, recency: f64, j: usize) -> Vec<(u32, f64)> {
        let largest = self.users[user].iter().fold(0.0_f64, |largest, (_, weight)| largest.max(weight.abs()));
        let mut did = self.users[user].clone();
        did.retain(|(item, _)| self.head.contains(item));
        did.reverse();
        did.dedup_by_key(|(item, _)| *item);
        let term = |(d, (item, weight)): (usize, &(u32, f64))| {
            let x = (weight.abs() / largest).sqrt().copysign(*weight) * ((d + 1) as f64).powf(-recency);
            let i = self.head.iter().position(|other| other == item)?;
            Some((*item, x * self.b[i][j]))
        };
        did.iter().enumerate().filter_map(term).collect()
    }
}

/// Gauss and Jordan.
fn inverted(mut a: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for (i, row) in a.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for k in 0..n {
        let pivot = a[k][k];
        a[k].iter_mut().for_each(|value| *value /= pivot);
        let pivot_row = a[k].clone();
        for (_, row) in a.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let factor = row[k];
            row.iter_mut().zip(&pivot_row).for_each(|(value, other)| *value -= factor * other);
        }
    }
    a.into_iter().map(|row| row[n..].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn users_are_answered_as_by_gauss_and_jordan(history in histories(), user in 0_u32..6) {
        let ease = solved(params(), &history, usize::MAX);
        let naive = Naive::new(&history, 7, 30, 3.0, 2.0);
        let query = Query::for_user().limit(ITEMS as usize).allow_repeat(true);
        let found = answer(&ease, &query, user);
        let near = |a: f64, b: f64| (a - b).abs() <= 2e-4;
        let mut is_found = vec![false; naive.head.len()];
        for (item, score, because) in found {
            let j = naive.head.iter().position(|other| *other == item).unwrap();
            let terms = naive.terms(user as usize, 0.7, j);
            let expected: f64 = terms.iter().map(|(_, term)| term).sum();
            prop_assert!(near(score, expected), "{item}: {score} is not {expected}");
            let largest = terms.iter().map(|(_, term)| *term).fold(f64::MIN, f64::max);
            let named = |(other, term): &(u32, f64)| Some(*other) == because && near(*term, largest);
            prop_assert!(terms.iter().any(named), "{item} is not because of {because:?}: {terms:?}");
            is_found[j] = true;
        }
        for (j, is_found) in is_found.iter().enumerate() {
            let expected: f64 = naive.terms(user as usize, 0.7, j).iter().map(|(_, term)| term).sum();
            prop_assert!(*is_found || expected < 2e-4, "{} has {expected}", naive.head[j]);
        }
    }

    /// In pieces, and put down and taken up between them.
    #[test]
    fn pieces_make_the_whole(history in histories(), budget in 1_usize..20) {
        let whole = solved(params(), &history, usize::MAX);
        let mut pieces = learned(params(), &history);
        while pieces.tick(now() + Duration::days(1), budget) {
            let mut taken_up = params().check().unwrap();
            taken_up.restore(&bytes(&pieces), &items()).unwrap();
            prop_assert_eq!(bytes(&taken_up), bytes(&pieces));
            pieces = taken_up;
        }
        prop_assert_eq!(bytes(&pieces), bytes(&whole));
    }

    #[test]
    fn bytes_that_are_no_checkpoint_change_nothing(history in histories(), at in 0.0_f64..1.0, flip in 1_u8..=255) {
        let mut ease = solved(params(), &history, usize::MAX);
        let before = bytes(&ease);
        let mut broken = before.clone();
        let place = (at * broken.len() as f64) as usize;
        broken[place] ^= flip;
        if ease.restore(&broken, &items()).is_err() {
            prop_assert_eq!(bytes(&ease), before.clone());
        } else {
            answer(&ease, &Query::for_user(), 1);
            while ease.tick(now() + Duration::days(2), 100) {}
        }
        prop_assert!(ease.restore(&before[..place], &items()).is_err());
    }
}

/// Once it is solved anew, nothing is left of a forgotten user.
#[test]
fn a_forgotten_user_was_never_there() {
    let mut random = fastrand::Rng::with_seed(8);
    let history: History = (0..300).map(|_| (random.u32(0..6), random.u32(0..10), 1.0)).collect();
    let mut ease = solved(params(), &history, 100);
    let with = answer(&ease, &Query::similar_to("3"), 0);
    ease.forget(4);
    while ease.tick(now() + Duration::days(2), 100) {}
    let others: History = history.iter().filter(|(user, _, _)| *user != 4).copied().collect();
    let never = solved(params(), &others, 100);
    assert!(ease.likeness.rows == never.likeness.rows);
    assert_ne!(answer(&ease, &Query::similar_to("3"), 0), with);
}

#[test]
fn a_click_counts_at_once() {
    let history: History = (0..20)
        .flat_map(|user| [(user % 6, 1 + user % 2 * 2, 1.0), (user % 6, 2 + user % 2 * 2, 1.0)])
        .collect();
    let mut ease = solved(params(), &history, 100);
    let click = |item, weight| Interaction::new(9, ItemId::new(item), now()).with_weight(weight);
    assert!(answer(&ease, &Query::for_user(), 9).is_empty());
    ease.learn(&click(1, 1.0));
    assert_eq!(answer(&ease, &Query::for_user(), 9)[0].0, 2);
    ease.learn(&click(3, 1.0));
    assert_eq!(answer(&ease, &Query::for_user(), 9)[0].0, 4);
    // And so does a no.
    ease.learn(&click(3, -1.0));
    assert_eq!(answer(&ease, &Query::for_user(), 9)[0].0, 2);
}

#[test]
fn the_head_is_what_most_chose() {
    let mut random = fastrand::Rng::with_seed(2);
    let history: History =
        (0..400).map(|_| (random.u32(0..6), random.u32(0..20).min(random.u32(0..20)), 1.0)).collect();
    let ease = solved(params().items(5), &history, 100);
    let counts = |item: u32| history.iter().filter(|(_, other, _)| *other == item).count();
    let least = ease.likeness.head.items.iter().map(|item| counts(item.number())).min().unwrap();
    let beyond = (0..20).filter(|item| ease.likeness.head.row(ItemId::new(*item)).is_none());
    assert_eq!(ease.likeness.head.items.len(), 5);
    assert!(beyond.map(counts).max().unwrap() <= least);
}

#[test]
fn it_is_solved_when_it_is_due() {
    let mut ease = learned(params().every(Duration::hours(2)), &vec![(1, 2, 1.0), (1, 3, 1.0)]);
    let at = |hours: i64| now() + Duration::hours(hours);
    while ease.tick(at(1), 1) {}
    assert!(!ease.tick(at(9), 1), "there was no news");
    ease.learn(&Interaction::new(1, ItemId::new(7), at(2)));
    assert!(!ease.tick(at(2), 100));
    assert!(ease.tick(at(3), 1));
    while ease.tick(at(3), 1) {}
    assert!(ease.likeness.head.row(ItemId::new(7)).is_some());
}

#[test]
fn parameters_out_of_range_are_refused() {
    for (params, name) in [
        (Ease::params().half_life(Duration::seconds(1)), "half_life"),
        (Ease::params().items(0), "items"),
        (Ease::params().history(10_001), "history"),
        (Ease::params().window(0), "window"),
        (Ease::params().reach(0.0), "reach"),
        (Ease::params().ridge(f64::NAN), "ridge"),
        (Ease::params().recency(-0.1), "recency"),
        (Ease::params().every(Duration::seconds(-1)), "every"),
        (Ease::params().k_min(21), "k_min"),
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { name: found, .. }) if found == name));
    }
}

/// Ten users watched two films one after the other. With `k = k(1)`, `G = [[10, 10 k], [10 k, 10]]`, and so
/// `B[i,j] = 10 k / (10 + λ)`.
#[test]
fn two_films_by_hand() {
    let history: History = (0..20).map(|n| (n / 2, n % 2, 1.0)).collect();
    let ease = solved(Ease::params().window(4).reach(1.0).ridge(5.0), &history, 10);
    let k = (1.0 / 2.0 - 1.0 / 5.0) / (1.0 - 1.0 / 5.0);
    let answer = answer(&ease, &Query::session(["0"]), 99);
    assert_eq!(answer.len(), 1);
    assert_eq!((answer[0].0, answer[0].2), (1, Some(0)));
    assert!((answer[0].1 - 10.0 * k / 15.0).abs() < 1e-6, "{answer:?}");
}

/// Journals are replayed on other machines and by later versions: these bytes may not move unnoticed.
#[test]
fn the_same_bytes_on_every_machine() {
    let mut random = fastrand::Rng::with_seed(1);
    let history: History =
        (0..500).map(|n| (n % 6, random.u32(0..ITEMS), [1.0, 2.5, -1.0][random.usize(0..3)])).collect();
    let ease = solved(params().half_life(Duration::minutes(1)), &history, 7);
    assert_eq!(stable_hash(&[&bytes(&ease)]) as u64, 0x1dfe_9923_078d_6349);
}
