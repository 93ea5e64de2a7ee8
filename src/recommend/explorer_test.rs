use super::*;
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
                false => explorer.shown(7, all[0], at(minutes)),
            }
            // Of others it says nothing.
            explorer.chosen(8, all[0], at(minutes));
            explorer.chosen(7, all[1], at(minutes));
        }
        explorer.pass(at(1_000));
        let Counts { shown: a, chosen: b } = explorer.items.get(&all[0]).copied().unwrap_or_default();
        assert!(
            (a - counted.0).abs() < 0.01 && (b - counted.1).abs() < 0.01,
            "{shown:?} {chosen:?}: {a} {b}"
        );
        assert!(explorer.waiting.is_empty() && explorer.open.is_empty());
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
        let (place, probability) = explorer.choose(&all[..5], round as u64, now).unwrap();
        assert!((1e-6..=1.0).contains(&probability));
        times[place] += 1;
        explorer.shown(round as u32, all[place], now);
        if rng.f64() < rates[place] {
            explorer.chosen(round as u32, all[place], now);
        }
    }
    assert!(times[3] > 4_000, "{times:?}");
    let now = at(6_100);
    let share = (0..1_000).filter(|seed| explorer.choose(&all, *seed, now).unwrap().0 == 5).count();
    let (_, probability) =
        (0..).map(|seed| explorer.choose(&all, seed, now).unwrap()).find(|(place, _)| *place == 5).unwrap();
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
            _ => explorer.shown(user, item, at(round - rng.i64(0..50))),
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
            explorer.choose(&all, round as u64, at(round * 100)),
            other.choose(&all, round as u64, at(round * 100))
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
        explorer.shown(user, ItemId::new(user % 3), at(0));
    }
    assert_eq!((explorer.waiting.len(), explorer.open.len()), (WAITING_MAX, WAITING_MAX));
    assert!((explorer.all.shown - 500.0).abs() < 1e-6);
    assert_eq!(explorer.choose(&[], 1, at(0)), None);
}
