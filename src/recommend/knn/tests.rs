use super::*;
use crate::model::{Duration, Instant, Pieces, Record, stable_hash};
use crate::recommend::{Error, Query};
use neighbours::Neighbour;
use proptest::prelude::*;
use session::{CARRIED, SESSION_LEN};
use std::collections::{BTreeMap, BTreeSet};

/// What happened: user, pause since the last one in seconds, item, weight.
type History = Vec<(u32, i64, u32, f32)>;

const ITEMS: u32 = 12;

fn histories(events_max: usize) -> impl Strategy<Value = History> {
    let pause = prop_oneof![8 => 0_i64..120, 1 => 0_i64..8_000, 1 => Just(100_000)];
    let weight = prop_oneof![8 => Just(1.0_f32), 1 => Just(3.0), 1 => Just(-1.0)];
    prop::collection::vec((0_u32..5, pause, 0..ITEMS, weight), 1..events_max)
}

fn twelve_items() -> Items {
    let mut items = Items::new();
    for number in 0..ITEMS {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

fn start() -> Instant {
    Instant::from_millis(1_700_000_000_000)
}

/// Few of everything, so that all that is bounded overflows.
fn small() -> SessionKnnParams {
    SessionKnn::params().half_life(Duration::days(1)).sessions(16).sessions_per_item(6).neighbours(4).items(5)
}

fn each<'h>(history: &'h [(u32, i64, u32, f32)]) -> impl Iterator<Item = Interaction<'static>> + 'h {
    let mut now = start();
    history.iter().map(move |&(user, pause, item, weight)| {
        now = now + Duration::seconds(pause);
        Interaction::new(user, ItemId::new(item), now).with_weight(weight)
    })
}

fn learned(params: SessionKnnParams, history: &[(u32, i64, u32, f32)]) -> SessionKnn {
    let mut model = params.check().unwrap();
    each(history).for_each(|interaction| model.learn(&interaction));
    model
}

fn end(history: &History) -> Instant {
    start() + Duration::seconds(history.iter().map(|(_, pause, ..)| pause).sum())
}

fn checkpoint(model: &SessionKnn) -> Vec<u8> {
    let mut bytes = Vec::new();
    model.checkpoint(&mut bytes);
    bytes
}

fn names(answer: &[Recommendation]) -> Vec<u32> {
    answer.iter().map(|r| r.item.number()).collect()
}

/// The queries that every kind of answer is compared by. All items are let in: of equal ones at the end of a shorter list
/// rounding would say which is in it.
fn queries() -> Vec<(Query, Option<u32>)> {
    let mut queries: Vec<(Query, Option<u32>)> = vec![
        (Query::session(["3"]), None),
        (Query::session(["1", "2", "2", "5", "2", "7"]).allow_repeat(true), None),
        (Query::similar_to_all(["4", "0"]), None),
    ];
    for user in 0..5 {
        queries.push((Query::for_user().allow_repeat(user % 2 == 0), Some(user)));
    }
    queries.into_iter().map(|(query, user)| (query.limit(2 * ITEMS as usize), user)).collect()
}

fn answers(model: &SessionKnn, now: Instant) -> Vec<Vec<Recommendation>> {
    let items = twelve_items();
    let ask = |(query, user): &(Query, _)| model.recommend(&query.resolve(&items, *user, now).unwrap());
    queries().iter().map(ask).collect()
}

/// The same items with the same scores but for rounding, whatever the order of equal ones.
fn assert_alike(
    found: &[Vec<Recommendation>],
    expected: &[Vec<Recommendation>],
) -> Result<(), TestCaseError> {
    for (found, expected) in found.iter().zip(expected) {
        let by_item = |answer: &[Recommendation]| -> BTreeMap<u32, f64> {
            answer.iter().map(|r| (r.item.number(), r.score)).collect()
        };
        let (found, expected) = (by_item(found), by_item(expected));
        prop_assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (item, score) in &expected {
            prop_assert!((found[item] - score).abs() <= 1e-5 * score, "{} is not {}", found[item], score);
        }
    }
    Ok(())
}

/// The formulas by the letter, over the whole history.
struct Naive {
    params: SessionKnnParams,
    now: Instant,
    sessions: Vec<NaiveSession>,
}

#[derive(Clone)]
struct NaiveSession {
    user: u32,
    items: Vec<u32>,
    at: Instant,
    goes_on: bool,
}

impl Naive {
    fn new(params: SessionKnnParams, history: &History) -> Naive {
        let mut naive = Naive { now: end(history), params, sessions: Vec::new() };
        for interaction in each(history).filter(|interaction| interaction.weight() > 0.0) {
            naive.learn(interaction.user(), interaction.item().number(), interaction.at());
        }
        naive
    }

    fn learn(&mut self, user: u32, item: u32, at: Instant) {
        let kept = self.params.sessions;
        let oldest = self.sessions.len().saturating_sub(kept);
        let open = self.sessions[oldest..].iter_mut().rev().find(|session| session.user == user);
        let open = open.filter(|session| at - session.at <= self.params.session_gap);
        match open {
            Some(session) if session.items.len() < SESSION_LEN => {
                session.items.push(item);
                session.at = at;
            }
            Some(session) => {
                let mut items = session.items[SESSION_LEN - CARRIED..].to_vec();
                items.push(item);
                self.sessions.push(NaiveSession { user, items, at, goes_on: true });
            }
            None => self.sessions.push(NaiveSession { user, items: vec![item], at, goes_on: false }),
        }
    }

    fn kept(&self) -> std::ops::Range<usize> {
        self.sessions.len().saturating_sub(self.params.sessions)..self.sessions.len()
    }

    /// Those that tell something and hold an item.
    fn with(&self, item: u32) -> Vec<usize> {
        let tells = |n: &usize| self.sessions[*n].items.len() > 1 && self.sessions[*n].items.contains(&item);
        self.kept().filter(tells).collect()
    }

    /// What a user did last, oldest first, and in which sessions.
    fn last(&self, user: u32) -> (Vec<u32>, Vec<usize>) {
        let (mut items, mut own) = (Vec::new(), Vec::new());
        for n in self.kept().rev().filter(|n| self.sessions[*n].user == user) {
            let session = &self.sessions[n];
            let goes_on =
                session.goes_on && self.kept().any(|other| other < n && self.sessions[other].user == user);
            let skipped = if goes_on { CARRIED } else { 0 };
            items.splice(0..0, session.items[skipped..].iter().copied());
            own.push(n);
            if !goes_on || items.len() >= self.params.items {
                break;
            }
        }
        (items, own)
    }

    /// How often the next visit is of the item behind which so many different ones lie.
    fn chance(&self, back: usize) -> f64 {
        let (mut came, mut asked) = (0.0, 20.0);
        for items in self.kept().map(|n| &self.sessions[n].items) {
            for place in 1..items.len() {
                let mut different: Vec<u32> = Vec::new();
                for item in items[..place].iter().rev() {
                    if !different.contains(item) {
                        different.push(*item);
                    }
                }
                asked += f64::from(u8::from(different.len() > back));
                came += f64::from(u8::from(different.get(back) == Some(&items[place])));
            }
        }
        if back < SESSION_LEN - 1 { came / asked } else { 0.0 }
    }

    /// Scores by item, of a query with its items oldest first, of which the newest may be shown or not.
    fn scores(
        &self,
        query: &[u32],
        own: &[usize],
        is_similar: bool,
        with_newest: bool,
    ) -> BTreeMap<u32, f64> {
        let p = &self.params;
        let mut weights: Vec<(u32, f64)> = Vec::new();
        for (place, item) in query.iter().rev().take(p.items).enumerate() {
            if !weights.iter().any(|(known, _)| known == item) {
                let recency = if is_similar { 1.0 } else { (-(place as f64) / p.recency).exp() };
                let commonness = (self.with(*item).len() as f64 + params::SUPPORT).powf(-p.commonness);
                weights.push((*item, recency * commonness));
            }
        }
        let mut touched = BTreeSet::new();
        let known = |item: u32| {
            let with = self.with(item);
            with[with.len().saturating_sub(p.sessions_per_item)..].to_vec()
        };
        for (item, _) in &weights {
            touched.extend(known(*item));
        }
        let looked_at = touched.iter().rev().filter(|n| !own.contains(n)).take(p.sessions_per_item);
        let mut likenesses: Vec<(f64, usize)> = looked_at
            .map(|&n| {
                let session = &self.sessions[n];
                let shared = weights.iter().filter(|(item, _)| known(*item).contains(&n));
                let age = (self.now - session.at).as_millis() as f64 / p.half_life.as_millis() as f64;
                let sum: f64 = shared.map(|(_, weight)| weight).sum();
                (sum * (-age).exp2() / (session.items.len() as f64).powf(p.length), n)
            })
            .collect();
        likenesses.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        likenesses.truncate(p.neighbours);
        let total: f64 = likenesses.iter().map(|(likeness, _)| likeness).sum();
        let mut scores = BTreeMap::new();
        for (likeness, n) in likenesses {
            let items = &self.sessions[n].items;
            let base = |item: u32| weights.iter().position(|(known, _)| *known == item);
            let newest = items.iter().filter_map(|item| base(*item)).min().unwrap();
            let in_row = items.windows(2).any(|pair| base(pair[0]) == Some(1) && base(pair[1]) == Some(0));
            for (i, shared) in items.iter().enumerate() {
                let Some(base) = base(*shared) else { continue };
                let share = if base == newest { 1.0 } else { p.others };
                let row = if in_row { 1.0 + p.in_row } else { 1.0 };
                for (j, item) in items.iter().enumerate().filter(|(j, _)| *j != i) {
                    let near = if j > i {
                        ((j - i) as f64).powf(-p.after)
                    } else {
                        p.back * ((i - j) as f64).powf(-p.before)
                    };
                    *scores.entry(*item).or_insert(0.0) +=
                        likeness / total * row * share * weights[base].1 * near;
                }
            }
        }
        let sessions = self.kept().filter(|n| self.sessions[*n].items.len() > 1).count() as f64;
        for (item, score) in &mut scores {
            *score *= 1.0 + p.rarity * (sessions / self.with(*item).len() as f64).ln();
        }
        if !is_similar {
            let newest = query.last().filter(|_| !with_newest);
            let others = scores.iter().filter(|(item, _)| Some(*item) != newest);
            let sum: f64 = others.map(|(_, score)| score).sum();
            for (back, (item, _)) in weights.iter().enumerate() {
                *scores.entry(*item).or_insert(0.0) += p.returns * self.chance(back) * sum;
            }
        }
        if !is_similar {
            self.look_beyond(&weights, own, with_newest, &mut scores);
        }
        scores.retain(|item, score| *score > 0.0 && (with_newest || Some(item) != query.last()));
        scores
    }

    /// Adds what stands beside the others than those of the query.
    fn look_beyond(
        &self,
        query: &[(u32, f64)],
        own: &[usize],
        with_newest: bool,
        scores: &mut BTreeMap<u32, f64>,
    ) {
        let p = &self.params;
        let newest = query.first().map(|(item, _)| *item).filter(|_| !with_newest);
        let most = |values: &BTreeMap<u32, f64>| {
            let shown = values.iter().filter(|(item, _)| Some(**item) != newest);
            shown.fold(0.0, |most: f64, (_, value)| most.max(*value))
        };
        let mut beside: BTreeMap<u32, f64> = BTreeMap::new();
        let seeds = scores.iter().filter(|(item, _)| !query.iter().any(|(known, _)| known == *item));
        for (seed, score) in seeds.filter(|(_, score)| **score > 0.0) {
            let mut row: BTreeMap<u32, f64> = BTreeMap::new();
            let with = self.with(*seed);
            let known = with[with.len().saturating_sub(p.sessions_per_item)..].iter().rev();
            for n in known.filter(|n| !own.contains(n)).take(20) {
                let items = &self.sessions[*n].items;
                for i in (0..items.len()).filter(|i| items[*i] == *seed) {
                    for j in (0..items.len()).filter(|j| items[*j] != *seed) {
                        let distance = i.abs_diff(j) as f64;
                        let near =
                            if j > i { distance.powf(-p.after) } else { p.back * distance.powf(-p.before) };
                        *row.entry(items[j]).or_default() += near / (items.len() as f64).powf(p.length);
                    }
                }
            }
            let all: f64 = row.values().sum();
            let is_of_query = |item: &u32| query.iter().any(|(known, _)| known == item);
            for (item, value) in row.into_iter().filter(|(item, _)| !is_of_query(item)) {
                *beside.entry(item).or_default() += score * value / (all + beyond::DOUBT);
            }
        }
        for (item, value) in &mut beside {
            *value *= (self.with(*item).len() as f64 + params::SUPPORT).powf(-params::RARE);
        }
        let (best, most_beside) = (most(scores), most(&beside));
        if most_beside > 0.0 {
            for (item, value) in beside {
                *scores.entry(item).or_default() += p.hop * value * best / most_beside;
            }
        }
    }
}

fn check(
    model: &SessionKnn,
    request: &Request<'_>,
    scores: &BTreeMap<u32, f64>,
) -> Result<(), TestCaseError> {
    let answer = model.recommend(request);
    let mut expected: Vec<f64> = scores.values().copied().collect();
    expected.sort_by(|a, b| b.total_cmp(a));
    expected.truncate(request.limit());
    prop_assert_eq!(answer.len(), expected.len(), "{:?} for {:?}", answer, scores);
    for (found, best) in answer.iter().zip(expected) {
        let score = scores[&found.item.number()];
        prop_assert!((found.score - score).abs() <= 1e-5 * score, "{found:?} is not {score}");
        prop_assert!((found.score - best).abs() <= 1e-5 * best, "{found:?} is not the best {best}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn sessions_are_answered_by_the_formulas(
        history in histories(200), session in prop::collection::vec(0..ITEMS, 1..9), limit in 1_usize..15,
    ) {
        let (items, naive) = (twelve_items(), Naive::new(small(), &history));
        let query = Query::session(session.iter().map(u32::to_string)).limit(limit);
        let model = learned(small(), &history);
        for with_newest in [true, false] {
            let query = query.clone().allow_repeat(with_newest);
            let scores = naive.scores(&session, &[], false, with_newest);
            check(&model, &query.resolve(&items, None, naive.now).unwrap(), &scores)?;
        }
    }

    #[test]
    fn users_are_answered_by_the_formulas(history in histories(200), user in 0_u32..5) {
        let (items, naive) = (twelve_items(), Naive::new(small(), &history));
        let (session, own) = naive.last(user);
        let scores = naive.scores(&session, &own, false, false);
        let model = learned(small(), &history);
        check(&model, &Query::for_user().limit(20).resolve(&items, Some(user), naive.now).unwrap(), &scores)?;
    }

    #[test]
    fn likeness_is_answered_by_the_formulas(history in histories(200), a in 0..ITEMS, b in 0..ITEMS) {
        let (items, naive) = (twelve_items(), Naive::new(small(), &history));
        let mut scores = naive.scores(&[b, a], &[], true, true);
        scores.retain(|item, _| *item != a && *item != b);
        let query = Query::similar_to_all([a.to_string(), b.to_string()]).limit(20);
        check(&learned(small(), &history), &query.resolve(&items, None, naive.now).unwrap(), &scores)?;
    }

    /// Whatever happened before, and whatever comes after.
    #[test]
    fn a_restored_model_goes_on_as_the_one_it_came_from(
        history in histories(200), later in histories(100), forgotten in 0_u32..9, merged in 0_u32..9,
    ) {
        let mut model = learned(small(), &history);
        model.forget(forgotten);
        model.rename(merged, 1);
        let bytes = checkpoint(&model);
        let mut restored = small().check().unwrap();
        restored.restore(&bytes, &twelve_items()).unwrap();
        prop_assert_eq!(checkpoint(&restored), bytes);
        let later: Vec<_> = each(&later).map(|next| {
            Interaction::new(next.user(), next.item(), next.at() + (end(&history) - start()))
        }).collect();
        for (place, next) in later.iter().enumerate() {
            for model in [&mut model, &mut restored] {
                model.learn(next);
                if place % 16 == 7 {
                    model.forget(next.user());
                } else if place % 16 == 11 {
                    model.expire(next.at() - Duration::hours(5));
                } else if place % 16 == 15 {
                    model.rename(next.user(), (next.user() + 1) % 5);
                }
            }
            if place % 8 == 0 {
                prop_assert_eq!(answers(&model, next.at()), answers(&restored, next.at()));
                prop_assert_eq!(checkpoint(&model), checkpoint(&restored));
            }
        }
    }

    /// Rings overflow, the arena does not.
    #[test]
    fn a_forgotten_user_was_never_there(history in histories(200), user in 0_u32..5) {
        let params = small().sessions(256);
        let mut forgotten = learned(params.clone(), &history);
        forgotten.forget(user);
        let others: History = {
            // The pauses stay, so that all else happens when it did.
            let silent = |&(who, pause, item, weight): &(u32, i64, u32, f32)| {
                (who, pause, item, if who == user { 0.0 } else { weight })
            };
            history.iter().map(silent).collect()
        };
        let never = learned(params, &others);
        let now = end(&history);
        assert_alike(&answers(&forgotten, now), &answers(&never, now))?;
    }

    #[test]
    fn two_halves_of_the_users_are_the_whole(history in histories(150)) {
        // Of more sessions the newest are others where two ended in another order than they began.
        let hop = if history.len() <= 60 { 0.25 } else { 0.0 };
        let params = SessionKnn::params().half_life(Duration::days(1)).sessions(256).hop(hop);
        let half = |odd: u32| -> History {
            let silent = |&(user, pause, item, weight): &(u32, i64, u32, f32)| {
                (user, pause, item, if user % 2 == odd { weight } else { 0.0 })
            };
            history.iter().map(silent).collect()
        };
        let whole = learned(params.clone(), &history);
        let (mut even, mut odd) = (learned(params.clone(), &half(0)), params.check().unwrap());
        // The other partition has seen the items in another order.
        let theirs: Vec<ItemId> = (0..ITEMS).rev().map(ItemId::new).collect();
        for next in each(&half(1)) {
            let item = ItemId::new(ITEMS - 1 - next.item().number());
            odd.learn(&Interaction::new(next.user(), item, next.at()).with_weight(next.weight()));
        }
        even.merge(&checkpoint(&odd), &theirs).unwrap();
        let now = end(&history);
        assert_alike(&answers(&even, now)[..3], &answers(&whole, now)[..3])?;
        // Users of ours are answered as before, and theirs are not ours.
        for (user, answer) in answers(&whole, now)[3..].iter().enumerate() {
            let found = &answers(&even, now)[3 + user];
            let expected = if user % 2 == 0 { answer.clone() } else { Vec::new() };
            assert_alike(std::slice::from_ref(found), &[expected])?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Far more sessions than a round spans, of items that are in most of them and in a few: the same neighbours, bit
    /// for bit, as by looking at one session after the other.
    #[test]
    fn neighbours_are_those_found_one_by_one(
        seed in any::<u64>(),
        query in prop::collection::vec((0_u32..40, prop_oneof![9 => 0.01_f32..1.0, 1 => Just(0.0)]), 1..9),
        own in prop::collection::vec(0_u32..12_000, 0..4),
        (ring_len, looked_at_max, kept_max) in (1_usize..500, 1_usize..500, 1_usize..200),
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut arena = Arena::new(1 << 14);
        let rarest = random.f64() * 9.0 + 1.0;
        for user in 0..12_000 {
            let mut session = Session::new(user, start());
            for _ in 0..random.usize(2..5) {
                let item = (random.f64().powf(rarest) * 40.0) as u32;
                session.push(Visit::new(ItemId::new(item), Action::Viewed));
            }
            arena.push(session);
        }
        let priors: Vec<f32> = (0..12_000).map(|_| if random.u8(..9) == 0 { 0.0 } else { random.f32() }).collect();
        let index = Index::of(&arena, ring_len);
        let items: BTreeMap<u32, f32> = query.into_iter().collect();
        let items: Vec<(ItemId, f32)> = items.into_iter().map(|(item, weight)| (ItemId::new(item), weight)).collect();

        let mut expected = Vec::new();
        for number in arena.numbers().rev().filter(|number| !own.contains(number)) {
            let holds = |item| index.ring(item).binary_search(&number).is_ok();
            let shared = items.iter().filter(|(item, _)| holds(*item)).fold(0.0, |sum, (_, weight)| sum + weight);
            let likeness: f32 = shared * priors[number as usize];
            if likeness > 0.0 && expected.len() < looked_at_max {
                expected.push(Neighbour { number, likeness });
            }
        }
        expected.sort_by(|a, b| b.likeness.total_cmp(&a.likeness)); // stable: of equal ones the newer
        expected.truncate(kept_max);
        expected.sort_by_key(|neighbour| std::cmp::Reverse(neighbour.number));
        let (mut search, reach) = (Search::default(), Reach { looked_at_max, kept_max, own: &own });
        for _ in 0..2 {
            // The second time in lists that were used before.
            prop_assert_eq!(nearest(&items, (&index, &arena, &priors), reach, &mut search), &expected[..]);
        }
    }
}

/// What the asking user does now is not evidence for itself, and everybody else's clicks are, at once.
#[test]
fn a_click_counts_at_once() {
    let items = twelve_items();
    let mut model = SessionKnn::default();
    let view =
        |user, item, seconds| Interaction::new(user, ItemId::new(item), start() + Duration::seconds(seconds));
    let ask = |model: &SessionKnn, query: &Query, user| {
        names(&model.recommend(&query.resolve(&items, Some(user), start()).unwrap()))
    };
    let own = Query::for_user().allow_repeat(true);
    model.learn(&view(1, 4, 0));
    assert!(ask(&model, &Query::session(["4"]), 1).is_empty());
    model.learn(&view(1, 5, 10));
    assert_eq!(ask(&model, &Query::session(["4"]), 2), [5]);
    assert!(ask(&model, &own, 1).is_empty());
    model.learn(&view(2, 4, 11));
    assert_eq!(ask(&model, &own, 2), [5]);
    model.learn(&view(2, 7, 12));
    assert_eq!(ask(&model, &own, 1), [7]);
    assert_eq!(ask(&model, &Query::for_user(), 1), [7]);
    assert_eq!(ask(&model, &Query::for_user(), 2), [5]);
}

#[test]
fn what_teaches_nothing() {
    let mut model = SessionKnn::default();
    let view = |item, minutes| Interaction::new(1, ItemId::new(item), start() + Duration::minutes(minutes));
    model.learn(&view(1, 0));
    model.learn(&view(2, 40));
    let before = checkpoint(&model);
    model.learn(&view(3, 41).with_weight(-1.0));
    model.learn(&view(3, 41).with_weight(0.0));
    model.learn(&view(3, 9)); // of the session before, which is over
    assert_eq!(checkpoint(&model), before);
    model.learn(&view(3, 11)); // late, but of this one
    assert_ne!(checkpoint(&model), before);
}

#[test]
fn reasons_say_what_was_done_with_what() {
    let items = twelve_items();
    let mut model = SessionKnn::default();
    for (user, item) in [(1, 1), (1, 2), (2, 3), (2, 4)] {
        model.learn(&Interaction::new(user, ItemId::new(item), start()));
    }
    for (item, action) in [(3, Action::Bought), (1, Action::Liked)] {
        model.learn(&Interaction::new(7, ItemId::new(item), start()).with_action(action));
    }
    let request = |query: &Query| query.resolve(&items, Some(7), start()).unwrap().basis() == Basis::User(7);
    assert!(request(&Query::for_user()));
    let answer = model.recommend(&Query::for_user().resolve(&items, Some(7), start()).unwrap());
    let said: Vec<_> =
        answer.iter().map(|r| (r.item.number(), r.reason.display(&items).to_string())).collect();
    assert_eq!(said, [(2, "because you liked 1".into()), (4, "because you bought 3".into())]);
    let query = Query::similar_to_all(["3", "1"]);
    let answer = model.recommend(&query.resolve(&items, None, start()).unwrap());
    let said: Vec<_> =
        answer.iter().map(|r| (r.item.number(), r.reason.display(&items).to_string())).collect();
    assert_eq!(said, [(4, "similar to 3".into()), (2, "similar to 1".into())]);
}

/// What was done with the item itself, also where another one of the query speaks for it, too.
#[test]
fn who_comes_back_is_told_what_was_done_before() {
    let items = twelve_items();
    let mut model = SessionKnn::default();
    let mut visits = |user: u32, visited: &[(u32, Action)]| {
        for (item, action) in visited {
            model.learn(&Interaction::new(user, ItemId::new(*item), start()).with_action(*action));
        }
    };
    let viewed = |items: &[u32]| items.iter().map(|item| (*item, Action::Viewed)).collect::<Vec<_>>();
    (10..70).for_each(|user| visits(user, &viewed(&[7, 8, 7])));
    (70..80).for_each(|user| visits(user, &viewed(&[2, 3])));
    visits(80, &viewed(&[1, 2]));
    visits(7, &[(1, Action::Liked), (2, Action::Added)]);
    let said = |params: SessionKnnParams| {
        let mut other = params.check().unwrap();
        other.restore(&checkpoint(&model), &items).unwrap();
        let answer = other.recommend(&Query::for_user().resolve(&items, Some(7), start()).unwrap());
        let mut said: Vec<_> =
            answer.iter().map(|r| (r.item.number(), r.reason.display(&items).to_string())).collect();
        said.sort();
        said
    };
    let because = |item| (item, "because you added 2".to_owned());
    assert_eq!(said(SessionKnn::params()), [(1, "you liked it before".to_owned()), because(3)]);
    assert_eq!(said(SessionKnn::params().returns(0.0)), [because(1), because(3)]);
}

#[test]
fn ties_go_to_the_newest_then_to_the_lower_number() {
    let items = twelve_items();
    let mut model = SessionKnn::default();
    for (user, item) in [(1, 5), (2, 9), (3, 2)] {
        model.learn(&Interaction::new(user, ItemId::new(0), start()));
        model.learn(&Interaction::new(user, ItemId::new(item), start()));
    }
    // In one session, at the same distance from the shared item.
    for item in [7, 0, 6] {
        model.learn(&Interaction::new(4, ItemId::new(item), start()));
    }
    let answer = model.recommend(&Query::similar_to("0").resolve(&items, None, start()).unwrap());
    assert_eq!(names(&answer), [2, 9, 5, 6, 7]);
}

#[test]
fn only_what_enough_users_saw() {
    let items = twelve_items();
    let mut model = SessionKnn::params().k_min(3).check().unwrap();
    let query = Query::similar_to("0");
    let ask = |model: &SessionKnn| names(&model.recommend(&query.resolve(&items, None, start()).unwrap()));
    for (user, item) in [(1, 5), (2, 5), (3, 2), (1, 2), (1, 2), (8, 5), (9, 4)] {
        model.learn(&Interaction::new(user, ItemId::new(0), start()));
        model.learn(&Interaction::new(user, ItemId::new(item), start()));
    }
    assert_eq!(ask(&model), [5]);
    // Two of them were one.
    model.rename(8, 2);
    assert!(ask(&model).is_empty());
}

/// A profile found to be another one's takes its sessions along, and what was open goes on.
#[test]
fn a_renamed_user_is_the_other() {
    let view =
        |user, item, minutes| Interaction::new(user, ItemId::new(item), start() + Duration::minutes(minutes));
    let events = [(5, 1, 0), (5, 2, 1), (6, 3, 100), (6, 4, 101), (5, 5, 200), (5, 6, 201)];
    let (mut two, mut one) = (SessionKnn::default(), SessionKnn::default());
    for (user, item, minutes) in events {
        two.learn(&view(user, item, minutes));
        one.learn(&view(6, item, minutes));
    }
    two.rename(5, 6);
    assert_eq!(checkpoint(&two), checkpoint(&one));
    for model in [&mut two, &mut one] {
        model.learn(&view(6, 7, 202));
        model.learn(&view(5, 8, 203));
    }
    assert_eq!(checkpoint(&two), checkpoint(&one));
    two.forget(6);
    two.forget(5);
    let now = start() + Duration::days(1);
    assert!(answers(&two, now).iter().all(Vec::is_empty));
}

/// After four billion sessions numbers begin anew.
#[test]
fn numbers_go_round() {
    let items = twelve_items();
    let history: History = (0..400).map(|n| (n % 5, i64::from(n % 7) * 600, n * n % ITEMS, 1.0)).collect();
    let (before, after) = history.split_at(200);
    let mut model = learned(small(), before);
    let bytes = checkpoint(&model);
    // The number of the next session stands behind the landmark.
    let mut prefix = Vec::new();
    model.decay.write(&mut prefix);
    let (skipped, next) = (prefix.len(), model.arena.next());
    next.write(&mut prefix);
    let mut bent = bytes[..skipped].to_vec();
    (u32::MAX - 20 - (u32::MAX - 20 - next) % 16).write(&mut bent);
    bent.extend_from_slice(&bytes[prefix.len()..]);
    let mut round = small().check().unwrap();
    round.restore(&bent, &items).unwrap();
    for next in each(after) {
        let next = Interaction::new(next.user(), next.item(), next.at() + (end(&before.to_vec()) - start()));
        for model in [&mut model, &mut round] {
            model.learn(&next);
        }
        assert_eq!(answers(&model, next.at()), answers(&round, next.at()));
    }
    assert!(round.arena.next() < 1_000);
    round.forget(2);
    model.forget(2);
    let now = end(&history);
    assert_eq!(answers(&model, now), answers(&round, now));
}

/// What is being written is what was known then.
#[test]
fn what_is_to_be_written_stays_as_it_is() {
    let history: History = (0..300).map(|n| (n % 5, 60, n * n % ITEMS, 1.0)).collect();
    let mut model = learned(small(), &history[..200]);
    let (mut pieces, bytes) = (Pieces::default(), checkpoint(&model));
    model.write_later(&mut pieces);
    each(&history).for_each(|next| model.learn(&next));
    model.forget(3);
    let mut written = Vec::new();
    pieces.write_some(usize::MAX, &mut written);
    assert!(written == bytes && checkpoint(&model) != bytes);
}

/// Journals are replayed on other machines and by later versions: these bits may not move unnoticed.
#[test]
fn the_same_bits_on_every_machine() {
    let history: History = (0..500).map(|n| (n % 5, i64::from(n % 11) * 300, n * n % ITEMS, 1.0)).collect();
    let model = learned(small(), &history);
    let mut bits = Vec::new();
    for recommendation in answers(&model, end(&history)).concat() {
        (recommendation.item.number(), recommendation.score).write(&mut bits);
    }
    let hash = |bytes: &[u8]| stable_hash(&[bytes]) as u64;
    assert_eq!((hash(&checkpoint(&model)), hash(&bits)), (8779893988827875635, 5027060195534464434));
}

#[test]
fn parameters_out_of_range_are_refused() {
    let params = SessionKnn::params;
    for (params, name) in [
        (params().half_life(Duration::seconds(1)), "half_life"),
        (params().session_gap(Duration::ZERO), "session_gap"),
        (params().sessions(0), "sessions"),
        (params().sessions(usize::MAX), "sessions"),
        (params().sessions_per_item(0), "sessions_per_item"),
        (params().neighbours(0), "neighbours"),
        (params().items(33), "items"),
        (params().k_min(0), "k_min"),
        (params().recency(0.0), "recency"),
        (params().after(-1.0), "after"),
        (params().before(f64::INFINITY), "before"),
        (params().back(-0.1), "back"),
        (params().others(f64::NAN), "others"),
        (params().in_row(11.0), "in_row"),
        (params().rarity(-1.0), "rarity"),
        (params().commonness(1.1), "commonness"),
        (params().length(2.0), "length"),
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { name: found, .. }) if found == name));
    }
}
