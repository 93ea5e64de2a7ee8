use super::*;
use crate::recommend::{Items, Query};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What happened: user, pause since the last one in seconds, item, weight.
type History = Vec<(u32, i64, u32, f32)>;

fn histories(pause_max: i64) -> impl Strategy<Value = History> {
    let pause = prop_oneof![8 => 0_i64..120, 1 => 0..pause_max];
    let weight = prop_oneof![Just(1.0_f32), Just(3.0)];
    prop::collection::vec((0_u32..4, pause, 0_u32..12, weight), 1..150)
}

fn twelve_items() -> Items {
    let mut items = Items::new();
    for number in 0..12 {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

fn learned(history: &History) -> (CoVisitation, Instant) {
    let mut together = CoVisitation::params().half_life(Duration::days(1)).check().unwrap();
    let mut now = Instant::from_millis(1_700_000_000_000);
    for &(user, pause, item, weight) in history {
        now = now + Duration::seconds(pause);
        together.learn(&Interaction::new(user, ItemId::new(item), now).with_weight(weight));
    }
    (together, now)
}

/// The formulas of the module by the letter, over the whole history.
#[derive(Default)]
struct Naive {
    together: BTreeMap<(u32, u32), f64>,
    newest: BTreeMap<u32, i64>,
    sessions: BTreeMap<u32, Vec<u32>>,
}

impl Naive {
    fn new(history: &History) -> Naive {
        let end: i64 = history.iter().map(|(_, pause, _, _)| pause).sum();
        let (mut naive, mut now, mut last) = (Naive::default(), 0, BTreeMap::new());
        for &(user, pause, item, weight) in history {
            now += pause;
            let session = naive.sessions.entry(user).or_default();
            if now - last.insert(user, now).unwrap_or(now) > 1_800 {
                session.clear();
            }
            let decayed = f64::from(weight) * ((now - end) as f64 / 86_400.0).exp2();
            for (d, before) in (1..=10).zip(session.iter().rev()) {
                *naive.together.entry((*before, item)).or_default() += decayed / f64::from(d);
                *naive.together.entry((item, *before)).or_default() += 0.3 * decayed / f64::from(d);
            }
            session.push(item);
            naive.newest.insert(item, now);
        }
        naive
    }

    fn likeness(&self, i: u32, j: u32) -> f64 {
        let sum = |keep: &dyn Fn(u32, u32) -> bool| -> f64 {
            self.together.iter().filter(|((a, b), _)| keep(*a, *b)).fold(0.0, |sum, (_, c)| sum + c)
        };
        let count = self.together.get(&(i, j)).copied().unwrap_or(0.0);
        count / (sum(&|a, _| a == i) + 5.0) / (sum(&|_, b| b == j) + 5.0).powf(0.3)
    }

    /// Score and the item of the largest term.
    fn score(&self, session: &[u32], g: f64, j: u32) -> (f64, u32) {
        let (mut score, mut largest) = (0.0, (0.0, 0));
        for (p, &i) in session.iter().rev().take(10).enumerate() {
            let term = g.powi(p as i32) * self.likeness(i, j);
            score += term;
            largest = if term > largest.0 { (term, i) } else { largest };
        }
        (score, largest.1)
    }
}

fn check(
    history: &History,
    query: &Query,
    session: &[u32],
    g: f64,
    left_out: &[u32],
) -> Result<(), TestCaseError> {
    let (items, naive) = (twelve_items(), Naive::new(history));
    let (together, now) = learned(history);
    let Ok(request) = query.resolve(&items, Some(0), now) else { return Ok(()) };
    let answer = together.recommend(&request);
    let candidates = (0..12).filter(|item| !left_out.contains(item));
    let scores: BTreeMap<u32, (f64, u32)> = candidates
        .map(|j| (j, naive.score(session, g, j)))
        .filter(|(_, (score, _))| *score > 1e-12)
        .collect();
    let mut expected: Vec<f64> = scores.values().map(|(score, _)| *score).collect();
    expected.sort_by(|a, b| b.total_cmp(a));
    expected.truncate(request.limit());
    prop_assert!(answer.len() >= expected.len(), "{answer:?} for {scores:?}");
    for (found, best) in answer.iter().zip(expected) {
        let (score, because) = scores[&found.item.number()];
        prop_assert!((found.score - score).abs() <= 1e-4 * score, "{found:?} is not {score}");
        prop_assert!((found.score - best).abs() <= 1e-4 * best, "{found:?} is not the best {best}");
        let reason = found.reason.item().unwrap().number();
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-4 * a;
        let term = |item: u32| {
            let place = session.iter().rev().position(|i| *i == item).unwrap();
            g.powi(place as i32) * naive.likeness(item, found.item.number())
        };
        prop_assert!(same(term(reason), term(because)), "{reason} is not {because}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn users_are_answered_by_the_formulas(history in histories(4_000), limit in 1_usize..15) {
        let session = Naive::new(&history).sessions.get(&0).cloned().unwrap_or_default();
        let query = Query::for_user().limit(limit);
        check(&history, &query, &session, 0.7, session.last().map_or(&[], std::slice::from_ref))?;
        check(&history, &query.allow_repeat(true).excluding(["3"]), &session, 0.7, &[3])?;
    }

    /// Pauses of weeks at a half-life of a day: the landmark moves on the way.
    #[test]
    fn sessions_are_answered_by_the_formulas(history in histories(8_000_000), session in prop::collection::vec(0_u32..12, 0..15)) {
        let query = Query::session(session.iter().map(u32::to_string));
        check(&history, &query, &session, 0.7, session.last().map_or(&[], std::slice::from_ref))?;
    }

    #[test]
    fn likeness_is_answered_by_the_formulas(history in histories(4_000), a in 0_u32..12, b in 0_u32..12) {
        let query = Query::similar_to_all([a.to_string(), b.to_string()]);
        check(&history, &query, &[b, a], 1.0, &[a, b])?;
    }

    #[test]
    fn the_same_history_gives_the_same_bytes(history in histories(8_000_000)) {
        let bytes = || serde_json::to_vec(&learned(&history).0).unwrap();
        prop_assert_eq!(bytes(), bytes());
    }
}

fn names(answer: &[Recommendation]) -> Vec<u32> {
    answer.iter().map(|r| r.item.number()).collect()
}

#[test]
fn ties_go_to_the_newest_then_to_the_lower_number() {
    let items = twelve_items();
    let mut together = CoVisitation::default();
    let now = Instant::from_millis(0);
    for (user, item) in [(1, 5), (2, 9), (3, 2), (4, 7)] {
        together.learn(&Interaction::new(user, ItemId::new(0), now));
        together.learn(&Interaction::new(user, ItemId::new(item), now));
    }
    let query = Query::similar_to("0");
    let ask = |model: &CoVisitation| names(&model.recommend(&query.resolve(&items, None, now).unwrap()));
    assert_eq!(ask(&together), [2, 5, 7, 9]);
    // Seen alone, an item becomes newer and nothing else.
    together.learn(&Interaction::new(8, ItemId::new(7), now + Duration::seconds(1)));
    assert_eq!(ask(&together), [7, 2, 5, 9]);
}

#[test]
fn what_a_forgotten_user_saw_is_gone() {
    let items = twelve_items();
    let now = Instant::from_millis(0);
    let mut together = CoVisitation::default();
    for item in [1, 2, 3] {
        together.learn(&Interaction::new(6, ItemId::new(item), now).with_action(Action::Bought));
    }
    let query = Query::for_user();
    let ask = |model: &CoVisitation| model.recommend(&query.resolve(&items, Some(6), now).unwrap());
    assert_eq!(names(&ask(&together)), [2, 1]);
    assert_eq!(ask(&together)[0].reason.display(&items).to_string(), "because you bought 1");
    together.forget(6);
    assert!(ask(&together).is_empty());
    // The next interaction follows on nothing.
    let rows = |model: &CoVisitation| {
        serde_json::to_string(&(1..4).map(|item| &model.rows[item]).collect::<Vec<_>>()).unwrap()
    };
    let before = rows(&together);
    together.learn(&Interaction::new(6, ItemId::new(9), now));
    assert_eq!(rows(&together), before);
    assert!(ask(&together).is_empty());
}

#[test]
fn parameters_out_of_range_are_refused() {
    let params = CoVisitation::params;
    for (params, name) in [
        (params().half_life(Duration::seconds(1)), "half_life"),
        (params().session_gap(Duration::ZERO), "session_gap"),
        (params().neighbours(0), "neighbours"),
        (params().back(-0.1), "back"),
        (params().position_decay(f64::NAN), "position_decay"),
    ] {
        assert!(matches!(params.check(), Err(Error::Parameter { name: found, .. }) if found == name));
    }
}
