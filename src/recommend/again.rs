//! What somebody had before and may want again.

use crate::model::{Duration, Instant};
use crate::recommend::{ItemId, Reason, Recommendation, Request};
use std::collections::BTreeMap;

/// What is believed of an item before anybody takes it again: once in ten months, with little weight.
const PRIOR_TIMES: f64 = 0.1;
const PRIOR_DAYS: f64 = 30.0;

/// Items by how soon a user will want them again, from when the user had them, in any order.
///
/// The times are a Poisson process whose rate has a gamma prior, with the modification that an item which was just had
/// is not wanted yet: with `k` times over `t` days and a mean gap of `g`, after `a` days without it the rate is
/// `(k + α) / (t + 2 |g - a| + β)` while `a < 2 g`, and `(k + α) / (t + a + β)` from then on. An item that was had once
/// has no gap and is as one that was had at `t = 0`. Scores are times a day.
///
/// O(times · log). Reference: Bhagat, Muralidharan, Lobzhanidze, Vishwanath, "Buy It Again: Modeling Repeat Purchase
/// Recommendations", KDD 2018 (there the priors are fitted by item).
pub(crate) fn again(times: &[(ItemId, Instant)], request: &Request<'_>) -> Vec<Recommendation> {
    let mut by_item: BTreeMap<ItemId, Vec<Instant>> = BTreeMap::new();
    for (item, at) in times.iter().filter(|(_, at)| *at <= request.now()) {
        by_item.entry(*item).or_default().push(*at);
    }
    let mut ranked: Vec<(f64, Instant, ItemId)> = Vec::with_capacity(by_item.len());
    for (item, times) in by_item {
        let (first, last) = times
            .iter()
            .fold((Instant::MAX, Instant::MIN), |(first, last), at| (first.min(*at), last.max(*at)));
        let times = times.len() as f64;
        let (span, away) = (days(last - first), days(request.now() - last));
        let gap = if times > 1.0 { span / (times - 1.0) } else { 0.0 };
        let waited = if away < 2.0 * gap { 2.0 * (gap - away).abs() } else { away };
        ranked.push(((times + PRIOR_TIMES) / (span + waited + PRIOR_DAYS), last, item));
    }
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
    let admitted = ranked.into_iter().filter(|(_, _, item)| request.admits(*item)).take(request.limit());
    admitted.map(|(score, _, item)| Recommendation::new(item, score, Reason::Again)).collect()
}

fn days(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 86_400_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::{Items, Query};

    #[test]
    fn what_is_due_comes_first() {
        let mut items = Items::new();
        let mut id = |name: &str| items.intern(name).unwrap();
        let (coffee, soap, boots, milk) = (id("coffee"), id("soap"), id("boots"), id("milk"));
        let day = |n: i64| Instant::from_millis(0) + Duration::days(n);
        // Coffee every ten days, due now; soap every ten days, had yesterday; boots once, long ago; milk in the future.
        let mut times: Vec<(ItemId, Instant)> = [60, 70, 80, 90].map(|n| (coffee, day(n))).into();
        times.extend([69, 79, 89, 99].map(|n| (soap, day(n))));
        times.extend([(boots, day(2)), (milk, day(101))]);
        let query = Query::again();
        let request = query.resolve(&items, Some(1), day(100)).unwrap();
        let answer = again(&times, &request);
        let shown: Vec<_> = answer.iter().map(|r| (r.item, (r.score * 1e4).round() / 1e4)).collect();
        let of = |times: f64, days: f64| ((times + 0.1) / (days + 30.0) * 1e4).round() / 1e4;
        assert_eq!(shown, [(coffee, of(4.0, 30.0)), (soap, of(4.0, 30.0 + 18.0)), (boots, of(1.0, 98.0))]);
        times.reverse();
        assert_eq!(again(&times, &request), answer);
        assert_eq!(answer[0].reason.display(&items).to_string(), "you may want it again");
        let query = Query::again().excluding(["coffee"]).limit(1);
        assert_eq!(again(&times, &query.resolve(&items, Some(1), day(100)).unwrap())[0].item, soap);
    }
}
