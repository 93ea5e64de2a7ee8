use super::*;
use crate::recommend::Reason;
use crate::recommend::bandit::{Candidates, Policy, Thompson};
use crate::recommend::impressions::WAITING_MAX;
use fastrand::Rng;

fn at(minutes: i64) -> Instant {
    Instant::from_millis(1_700_000_000_000) + Duration::minutes(minutes)
}

fn explorer() -> Explorer {
    Explorer::new(Duration::minutes(30), Duration::days(30)).unwrap()
}

fn items(count: u32) -> Vec<ItemId> {
    (0..count).map(ItemId::new).collect()
}

/// Items of which nothing is known.
fn bare(items: &[ItemId]) -> Vec<(ItemId, &[f32])> {
    items.iter().map(|item| (*item, &[][..])).collect()
}

#[test]
fn what_counts_as_chosen() {
    let all = items(2);
    // Minutes of impressions and choices, and what is counted of them in the end.
    for (shown, chosen, counted) in [
        (&[0][..], &[5][..], (1.0, 1.0)),
        (&[0], &[30], (1.0, 1.0)),
        (&[0], &[31], (1.0, 0.0)),
        (&[0], &[], (1.0, 0.0)),
        (&[], &[5], (0.0, 0.0)),
        (&[0, 1, 2], &[5], (1.0, 1.0)),
        (&[0, 40], &[50], (2.0, 1.0)),
        (&[0], &[5, 6], (1.0, 1.0)),
        (&[0, 6], &[5, 7], (2.0, 2.0)),
    ] {
        let mut explorer = explorer();
        let mut events: Vec<(i64, bool)> = shown.iter().map(|at| (*at, false)).collect();
        events.extend(chosen.iter().map(|at| (*at, true)));
        events.sort_unstable();
        for (minutes, is_chosen) in events {
            match is_chosen {
                true => explorer.chosen(7, all[0], at(minutes)),
                false => explorer.shown(7, all[0], &[], at(minutes)),
            }
            // Of others it says nothing.
            explorer.chosen(8, all[0], at(minutes));
            explorer.chosen(7, all[1], at(minutes));
        }
        explorer.pass(at(1_000));
        let Counts { shown: a, chosen: b, .. } = explorer.items.get(0).copied().unwrap_or_default();
        assert!(
            (a - counted.0).abs() < 0.01 && (b - counted.1).abs() < 0.01,
            "{shown:?} {chosen:?}: {a} {b}"
        );
        assert_eq!(explorer.waiting.len(), (0, 0));
    }
}

#[test]
fn the_best_is_found_and_a_new_one_is_tried() {
    let all = items(6);
    let rates = [0.02, 0.05, 0.03, 0.12, 0.01, 0.04];
    let (mut explorer, mut rng) = (explorer(), Rng::with_seed(1));
    let mut times = [0; 6];
    for round in 0..6_000 {
        let now = at(round);
        let (place, probability) = explorer.choose(&bare(&all[..5]), round as u64, now).unwrap();
        assert!((1e-6..=1.0).contains(&probability));
        times[place] += 1;
        explorer.shown(round as u32, all[place], &[], now);
        if rng.f64() < rates[place] {
            explorer.chosen(round as u32, all[place], now);
        }
    }
    assert!(times[3] > 4_000, "{times:?}");
    let now = at(6_100);
    let share = (0..1_000).filter(|seed| explorer.choose(&bare(&all), *seed, now).unwrap().0 == 5).count();
    let (_, probability) = (0..)
        .map(|seed| explorer.choose(&bare(&all), seed, now).unwrap())
        .find(|(place, _)| *place == 5)
        .unwrap();
    assert!(share > 0 && (share as f64 / 1_000.0 - probability).abs() < 0.05, "{share} {probability}");
}

#[test]
fn a_checkpoint_goes_on() {
    let (mut explorer, mut rng) = (explorer(), Rng::with_seed(2));
    let mut names = Items::new();
    let all: Vec<ItemId> = (0..20).map(|n| names.intern(&format!("item-{n}")).unwrap()).collect();
    let step = |explorer: &mut Explorer, rng: &mut Rng, round: i64| {
        let (user, item) = (rng.u32(0..9), all[rng.usize(0..20)]);
        match rng.u32(0..20) {
            0 => explorer.forget(user),
            1..6 => explorer.chosen(user, item, at(round - rng.i64(0..50))),
            _ => explorer.shown(user, item, &[], at(round - rng.i64(0..50))),
        }
    };
    let written = |explorer: &Explorer| {
        let mut bytes = Vec::new();
        explorer.checkpoint(&mut bytes);
        bytes
    };
    (0..3_000).for_each(|round| step(&mut explorer, &mut rng, round * 100));
    let bytes = written(&explorer);
    let mut other = Explorer::new(Duration::minutes(30), Duration::days(30)).unwrap();
    other.restore(&bytes, &names).unwrap();
    assert_eq!(written(&other), bytes);
    for round in 3_000..6_000 {
        step(&mut explorer, &mut rng.clone(), round * 100);
        step(&mut other, &mut rng, round * 100);
        assert_eq!(
            explorer.choose(&bare(&all), round as u64, at(round * 100)),
            other.choose(&bare(&all), round as u64, at(round * 100))
        );
    }
    assert_eq!(written(&other), written(&explorer));
    for len in 0..bytes.len() {
        assert!(other.restore(&bytes[..len], &names).is_err());
    }
    assert_eq!(written(&other), written(&explorer));
    assert!(other.restore(&bytes, &Items::new()).is_err());
}

#[test]
fn what_waits_is_bounded() {
    let mut explorer = explorer();
    for user in 0..WAITING_MAX as u32 + 500 {
        explorer.shown(user, ItemId::new(user % 3), &[], at(0));
    }
    assert_eq!(explorer.waiting.len(), (WAITING_MAX, WAITING_MAX));
    assert!((explorer.all.shown - 500.0).abs() < 1e-6);
    assert_eq!(explorer.choose(&[], 1, at(0)), None);
}

/// Users choose what is cheap three times as often as what is dear, whatever item it is.
fn of_prices(rounds: i64) -> Explorer {
    let all = items(40);
    let mut rng = Rng::with_seed(3);
    let mut explorer = explorer().feature("is cheap", 0.0).unwrap().feature("fit", 1.0).unwrap();
    for round in 0..rounds {
        let (item, is_cheap) = (all[rng.usize(0..40)], rng.bool());
        let features = [f32::from(u8::from(is_cheap)), rng.f32()];
        explorer.shown(round as u32, item, &features, at(round));
        if rng.f64() < if is_cheap { 0.15 } else { 0.05 } {
            explorer.chosen(round as u32, item, at(round));
        }
    }
    explorer.pass(at(rounds + 100));
    explorer
}

#[test]
fn what_features_say_is_found_and_holds_for_what_is_new() {
    let explorer = of_prices(6_000);
    let (new, now) = (ItemId::new(99), at(6_100));
    for (features, expected) in [([1.0, 0.5], 0.15), ([0.0, 0.5], 0.05)] {
        let rate = explorer.rate(new, &features, now);
        assert!((rate - expected).abs() < 0.03, "{features:?}: {rate}");
    }
    // That it fits was believed to matter, and does not.
    let fits = explorer.rate(new, &[0.0, 1.0], now) - explorer.rate(new, &[0.0, 0.0], now);
    assert!(fits.abs() < 0.03, "{fits}");
    // Of equal items one is tried as often as its probability says.
    let pair: [(ItemId, &[f32]); 2] = [(new, &[1.0, 0.5]), (ItemId::new(98), &[0.0, 0.5])];
    let choices =
        |place: usize| (0..2_000).filter(move |seed| explorer.choose(&pair, *seed, now).unwrap().0 == place);
    let (times, first) = (choices.clone()(0).count(), choices(0).next().unwrap());
    let (_, probability) = of_prices(6_000).choose(&pair, first, now).unwrap();
    assert!((times as f64 / 2_000.0 - probability).abs() < 0.04, "{times} {probability}");
}

#[test]
fn before_anything_is_learned_the_order_stays() {
    let explorer = explorer().feature("fit", 1.0).unwrap();
    let fits = [1.0_f32, 0.9, 0.2, 0.2, 0.0];
    let rows: Vec<[f32; 1]> = fits.iter().map(|fit| [*fit]).collect();
    let list = items(5).into_iter().zip(&rows);
    let list = list.map(|(item, row)| (Recommendation::new(item, 0.0, Reason::Popular), &row[..])).collect();
    let ranked = explorer.rank(list, at(0));
    assert_eq!(ranked.iter().map(|shown| shown.item).collect::<Vec<_>>(), items(5));
    assert!(ranked.iter().all(|shown| shown.effects().is_empty()));
}

#[test]
fn what_was_shown_where_it_fits_is_no_better_for_that() {
    let [good, same] = [ItemId::new(0), ItemId::new(1)];
    let mut explorer = explorer().feature("fit", 0.0).unwrap();
    let mut rng = Rng::with_seed(5);
    // Both are chosen as they fit; the one was shown where it does, the other mostly where it does not.
    for round in 0..8_000 {
        let (item, fit) =
            if round % 2 == 0 { (good, 1.0) } else { (same, f32::from(u8::from(rng.u32(0..10) == 0))) };
        explorer.shown(round as u32, item, &[fit], at(round));
        if rng.f64() < if fit > 0.5 { 0.3 } else { 0.05 } {
            explorer.chosen(round as u32, item, at(round));
        }
    }
    let now = at(8_100);
    explorer.pass(now);
    for fit in [0.0, 1.0] {
        let (one, other) = (explorer.rate(good, &[fit], now), explorer.rate(same, &[fit], now));
        assert!(one / other > 0.6 && one / other < 1.6, "{fit}: {one} {other}");
    }
}

#[test]
fn features_learn_as_a_policy_does() {
    let mut rng = Rng::with_seed(4);
    let mut policy = Thompson::params().features(4).check().unwrap();
    let mut lift = Lift::default();
    for name in ["a", "b", "c"] {
        lift.add(name.into(), 0.0).unwrap();
    }
    for _ in 0..500 {
        let features = [rng.f32(), rng.f32() - 0.5, f32::from(u8::from(rng.bool()))];
        let row: Vec<f64> = std::iter::once(1.0).chain(features.iter().map(|x| f64::from(*x))).collect();
        let candidates = Candidates::new(&[0]).with_features(&row);
        assert_eq!(sigmoid(lift.says(&features)), policy.predict(&candidates, 0).unwrap());
        let chosen = f64::from(u8::from(rng.f32() < features[0]));
        policy.learn(&candidates, 0, chosen).unwrap();
        lift.learn(&features, 0.0, chosen);
    }
}

#[test]
fn a_checkpoint_goes_on_with_its_features_only() {
    let mut names = Items::new();
    for n in 0..100 {
        names.intern(&n.to_string()).unwrap();
    }
    let explorer = of_prices(2_000);
    let (all, now) = (items(5), at(2_100));
    let mut bytes = Vec::new();
    explorer.checkpoint(&mut bytes);
    let begun = self::explorer;
    let mut same = begun().feature("is cheap", 0.0).unwrap().feature("fit", 1.0).unwrap();
    same.restore(&bytes, &names).unwrap();
    let rates = |explorer: &Explorer| {
        all.iter().map(|item| explorer.rate(*item, &[1.0, 0.3], now)).collect::<Vec<_>>()
    };
    assert_eq!(rates(&same), rates(&explorer));
    // With another feature counts go on, and nothing is known of it.
    let mut other = begun().feature("is blue", 0.0).unwrap();
    other.restore(&bytes, &names).unwrap();
    let mut plain = begun();
    plain.restore(&bytes, &names).unwrap();
    for item in &all {
        assert_eq!(other.rate(*item, &[1.0], now), plain.rate(*item, &[], now));
    }
    for len in 0..bytes.len() {
        assert!(same.restore(&bytes[..len], &names).is_err(), "{len}");
    }
    assert_eq!(rates(&same), rates(&explorer));
}

#[test]
fn features_have_limits() {
    let refused = |explorer: Result<Explorer, Error>| explorer.unwrap_err().to_string();
    let with = |name: &str, weight| explorer().feature(name, weight);
    assert_eq!(refused(with("a", f64::NAN)), "`feature` is NaN, but must be a weight from -100 to 100");
    assert!(refused(with("a", 0.0).unwrap().feature("a", 1.0)).contains("a twice"));
    let many = (0..64).try_fold(explorer(), |explorer, n| explorer.feature(n.to_string(), 0.0)).unwrap();
    assert!(many.feature("more", 0.0).is_err());
    // Odd numbers are taken for what they can be.
    let (mut explorer, item) = (with("a", 1.0).unwrap(), ItemId::new(0));
    for (user, odd) in [f32::NAN, f32::INFINITY, f32::MIN, 0.0].into_iter().enumerate() {
        explorer.shown(user as u32, item, &[odd, odd], at(0));
        explorer.shown(9 + user as u32, item, &[], at(0));
        explorer.chosen(user as u32, item, at(0));
        assert!((0.0..=1.0).contains(&explorer.rate(item, &[odd], at(1))));
    }
}
