use super::*;
use crate::recommend::{Items, Reason};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of twenty items: by number, everything small enough to be drawn at random.
#[derive(Clone, Debug)]
struct Shelf {
    in_stock: Vec<bool>,
    bought: Vec<bool>,
    on_sale: Vec<bool>,
    brands: Vec<Vec<u8>>,
    impressions: Vec<u32>,
}

const ITEMS: usize = 20;
const NOW: Instant = Instant::from_millis(1_700_000_000_000);

impl Facts for Shelf {
    fn holds(&self, item: ItemId, rule: &str) -> bool {
        match rule {
            "in stock" => self.in_stock[item.index()],
            "bought" => self.bought[item.index()],
            "on sale" => self.on_sale[item.index()],
            _ => false,
        }
    }

    fn attribute(&self, item: ItemId, name: &str, each: &mut dyn FnMut(&str)) {
        if name == "brand" {
            self.brands[item.index()].iter().for_each(|brand| each(&brand.to_string()));
        }
    }

    fn impressions(&self, item: ItemId, since: Instant) -> u32 {
        assert_eq!(since, NOW - Duration::days(7));
        self.impressions[item.index()]
    }

    fn similarity(&self, one: ItemId, other: ItemId) -> f64 {
        let tags = |item: ItemId| {
            let mut tags = self.brands[item.index()].clone();
            tags.sort_unstable();
            tags.dedup();
            tags
        };
        jaccard(&tags(one), &tags(other))
    }
}

fn shelves() -> impl Strategy<Value = Shelf> {
    let few = || prop::collection::vec(prop::bool::weighted(0.2), ITEMS);
    let brands = prop::collection::vec(prop::collection::vec(0_u8..4, 0..3), ITEMS);
    (few(), few(), few(), brands, prop::collection::vec(0_u32..4, ITEMS)).prop_map(
        |(out, bought, on_sale, brands, impressions)| Shelf {
            in_stock: out.into_iter().map(|out| !out).collect(),
            bought,
            on_sale,
            brands,
            impressions,
        },
    )
}

/// Item and score, in order of score; an item may come twice.
fn candidates() -> impl Strategy<Value = Vec<(u32, f64)>> {
    let score = prop_oneof![Just(1.0), Just(0.5), 0.0_f64..2.0];
    prop::collection::vec((0..ITEMS as u32, score), 0..25).prop_map(|mut list| {
        list.sort_by(|a, b| b.1.total_cmp(&a.1));
        list
    })
}

fn list_of(candidates: &[(u32, f64)]) -> Vec<Recommendation> {
    let of = |&(item, score): &(u32, f64)| Recommendation::new(ItemId::new(item), score, Reason::Popular);
    candidates.iter().map(of).collect()
}

#[derive(Clone, Debug)]
struct Plan {
    theta: f64,
    depth: usize,
    cap: usize,
    rotation: f64,
    pins: BTreeMap<usize, u32>,
    slot: Option<usize>,
    limit: usize,
    seed: u64,
}

fn plans() -> impl Strategy<Value = Plan> {
    let theta = prop_oneof![Just(0.0), Just(0.25), 0.0_f64..1.0];
    let rotation = prop_oneof![Just(0.0), Just(0.1)];
    let pins = prop::collection::btree_map(0_usize..12, 0..ITEMS as u32, 0..3);
    (
        theta,
        0_usize..25,
        1_usize..5,
        rotation,
        pins,
        prop::option::of(12_usize..14),
        0_usize..20,
        any::<u64>(),
    )
        .prop_map(|(theta, depth, cap, rotation, mut pins, slot, limit, seed)| {
            let mut pinned = BTreeSet::new();
            pins.retain(|_, item| pinned.insert(*item));
            Plan { theta, depth, cap, rotation, pins, slot, limit, seed }
        })
}

impl Plan {
    fn rerank(&self) -> Rerank {
        let mut params = Rerank::params()
            .require("in stock")
            .exclude("bought")
            .weigh("on sale", 1.5)
            .fatigue(0.85, Duration::days(7))
            .rotate(self.rotation)
            .diversify(self.theta, self.depth)
            .cap("brand", self.cap);
        for (slot, item) in &self.pins {
            params = params.pin(*slot, ItemId::new(*item));
        }
        if let Some(slot) = self.slot {
            params = params.slot(slot, "on sale");
        }
        params.check().unwrap()
    }

    fn apply(&self, candidates: &[(u32, f64)], shelf: &Shelf) -> Reranked {
        let occasion = Occasion { limit: self.limit, seed: self.seed, now: NOW };
        self.rerank().apply(list_of(candidates), shelf, occasion)
    }
}

/// The same as it reads in the table of stages.
fn naive(plan: &Plan, candidates: &[(u32, f64)], shelf: &Shelf) -> Vec<u32> {
    let of = |item: u32| item as usize;
    let may = |item: u32| shelf.in_stock[of(item)] && !shelf.bought[of(item)];
    let mut list: Vec<(u32, f64)> = Vec::new();
    for &(item, score) in candidates {
        if may(item) && list.iter().all(|(known, _)| *known != item) {
            let score = if shelf.on_sale[of(item)] { score * 1.5 } else { score };
            list.push((item, score * libm::pow(0.85, f64::from(shelf.impressions[of(item)]))));
        }
    }
    list.sort_by(|a, b| b.1.total_cmp(&a.1));
    if plan.rotation > 0.0 {
        for (item, score) in &mut list {
            let z = crate::recommend::bandit::draw::normal(crate::recommend::bandit::draw::of_arm(
                plan.seed, *item,
            ));
            *score *= libm::exp(plan.rotation * z);
        }
        list.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    let mut kept: BTreeMap<usize, u32> = BTreeMap::new();
    for (slot, item) in plan.pins.iter().filter(|(slot, item)| **slot < plan.limit && may(**item)) {
        kept.insert(*slot, *item);
        list.retain(|(other, _)| other != item);
    }
    let on_sale = list.iter().find(|(item, _)| shelf.on_sale[of(*item)]).copied();
    if let (Some(slot), Some((item, _))) = (plan.slot.filter(|slot| *slot < plan.limit), on_sale) {
        kept.insert(slot, item);
        list.retain(|(other, _)| *other != item);
    }
    let depth = if plan.theta > 0.0 { plan.depth.min(list.len()) } else { 0 };
    let (mut best, behind) = (list[..depth].to_vec(), list[depth..].to_vec());
    let (high, low) = (best.first().map_or(0.0, |b| b.1), best.last().map_or(0.0, |b| b.1));
    let mut shown: Vec<u32> = Vec::new();
    let full = |shown: &[u32], item: u32| {
        let counted: Vec<u32> = shown.iter().chain(kept.values()).copied().collect();
        shelf.brands[of(item)].iter().any(|brand| {
            counted.iter().filter(|other| shelf.brands[of(**other)].contains(brand)).count() >= plan.cap
        })
    };
    let places = plan.limit - kept.len();
    while !best.is_empty() && shown.len() < places {
        let merit = |&(item, score): &(u32, f64)| {
            let relevance = if high > low { (score - low) / (high - low) } else { 1.0 };
            let alike = |other: &u32| shelf.similarity(ItemId::new(*other), ItemId::new(item));
            let most = shown.iter().chain(kept.values()).map(alike).fold(0.0, f64::max);
            (1.0 - plan.theta) * relevance - plan.theta * most
        };
        let highest = best.iter().map(merit).fold(f64::NEG_INFINITY, f64::max);
        let place = best.iter().position(|candidate| merit(candidate) == highest).unwrap();
        let (item, _) = best.remove(place);
        if !full(&shown, item) {
            shown.push(item);
        }
    }
    for (item, _) in behind {
        if shown.len() < places && !full(&shown, item) {
            shown.push(item);
        }
    }
    for (slot, item) in kept {
        shown.insert(slot.min(shown.len()), item);
    }
    shown
}

fn numbers(list: &[Recommendation]) -> Vec<u32> {
    list.iter().map(|shown| shown.item.number()).collect()
}

proptest! {
    #[test]
    fn stages_do_what_the_table_says(plan in plans(), candidates in candidates(), shelf in shelves()) {
        let list = plan.apply(&candidates, &shelf);
        prop_assert_eq!(numbers(&list.shown), naive(&plan, &candidates, &shelf));
    }

    #[test]
    fn laws(plan in plans(), candidates in candidates(), shelf in shelves()) {
        let list = plan.apply(&candidates, &shelf);
        let shown = numbers(&list.shown);
        prop_assert!(shown.len() <= plan.limit);
        let items: BTreeSet<u32> = shown.iter().copied().collect();
        prop_assert_eq!(items.len(), shown.len(), "an item twice");
        prop_assert!(list.shown.iter().all(|shown| shown.score.is_finite() && shown.score >= 0.0));

        // Pins hold where they may be shown, at their places where the list is long enough.
        for (slot, item) in plan.pins.iter().filter(|(slot, _)| **slot < plan.limit) {
            let may = shelf.in_stock[*item as usize] && !shelf.bought[*item as usize];
            prop_assert_eq!(items.contains(item), may);
            if may && shown.len() > *slot {
                let behind_pins_only = shown.iter().position(|other| other == item).unwrap() < *slot;
                prop_assert!(shown[*slot] == *item || behind_pins_only);
            }
        }
        // A cap is exceeded by what is pinned alone, if at all.
        for brand in 0..4 {
            let has = |item: &&u32| shelf.brands[**item as usize].contains(&brand);
            let kept = list.shown.iter().filter(|shown| {
                shown.effects().iter().any(|e| matches!(e, Effect::Pinned { .. } | Effect::Slotted { .. }))
            });
            let kept = numbers(&kept.cloned().collect::<Vec<_>>());
            prop_assert!(shown.iter().filter(has).count() <= plan.cap.max(kept.iter().filter(has).count()));
        }
        // Every silence has a reason.
        for (item, _) in &candidates {
            let item = ItemId::new(*item);
            prop_assert_eq!(list.why_not(item).is_none(), items.contains(&item.number()));
        }
        prop_assert_eq!(list.shown.len() + list.dropped.len(), candidates.len() + list.shown.iter().filter(|s| s.reason != Reason::Popular).count());
        prop_assert_eq!(&plan.apply(&candidates, &shelf), &list);
    }

    /// Without stages, with equal factors, and where facts know nothing, the list is what was recommended.
    #[test]
    fn what_is_neutral_moves_nothing(mut candidates in candidates(), theta in 0.0_f64..0.99) {
        let mut known = BTreeSet::new();
        candidates.retain(|(item, _)| known.insert(*item));
        let all = |rule: RerankParams| rule.check().unwrap();
        let occasion = Occasion { limit: 30, seed: 1, now: NOW };
        for rerank in [
            Rerank::default(),
            all(Rerank::params().exclude("bought").weigh("on sale", 2.0).fatigue(0.8, Duration::days(1)).cap("brand", 1)),
            all(Rerank::params().diversify(theta, 50).slot(0, "new")),
        ] {
            let list = rerank.apply(list_of(&candidates), &(), occasion);
            prop_assert_eq!(list.shown, list_of(&candidates));
            prop_assert!(list.dropped.is_empty());
        }
    }
}

#[test]
fn effects_tell_what_happened() {
    let shelf = Shelf {
        in_stock: vec![true; ITEMS],
        bought: vec![false; ITEMS],
        on_sale: (0..ITEMS).map(|n| n == 2).collect(),
        brands: (0..ITEMS).map(|n| vec![if n < 3 { 0 } else { n as u8 }]).collect(),
        impressions: (0..ITEMS as u32).map(|n| u32::from(n == 0) * 2).collect(),
    };
    let rerank = Rerank::params()
        .weigh("on sale", 1.1)
        .fatigue(0.9, Duration::days(7))
        .diversify(0.4, 10)
        .cap("brand", 2)
        .pin(1, ItemId::new(9))
        .check()
        .unwrap();
    let fits = [(0, 1.0), (1, 0.9), (2, 0.7), (3, 0.5), (4, 0.1)];
    let list = rerank.apply(list_of(&fits), &shelf, Occasion { limit: 4, seed: 0, now: NOW });
    let told: Vec<String> = list
        .shown
        .iter()
        .map(|shown| {
            let effects: Vec<String> = shown.effects().iter().map(Effect::to_string).collect();
            format!("{} {}", shown.item.number(), effects.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 ",
            "9 pinned to 1",
            "3 moved from 3 to 1 for variety",
            "0 lowered because it was shown 2 times, moved from 1 to 2 for variety",
        ]
    );
    assert_eq!(list.shown[1].reason.display(&Items::new()).to_string(), "picked by hand");
    let why: Vec<String> =
        list.dropped.iter().map(|d| format!("{}: {}", d.item.number(), d.because)).collect();
    assert_eq!(why, ["2: others fit better", "4: others fit better"]);
    let plain = serde_json::to_string(&list_of(&fits)[0]).unwrap();
    assert_eq!(plain, r#"{"item":0,"score":1.0,"reason":"popular"}"#);
    let told = serde_json::to_string(&list.shown[2]).unwrap();
    assert!(told.ends_with(r#""effects":[{"diversified":{"from":3,"to":1}}]}"#), "{told}");
}

/// Over many visits what is equal comes first equally often, and what is much better always.
#[test]
fn rotation_is_gentle() {
    let rerank = Rerank::params().rotate(0.1).check().unwrap();
    let fits = [(0, 1.0), (1, 1.0), (2, 0.9), (3, 0.3)];
    let mut first = [0; 4];
    for seed in 0..10_000 {
        let list = rerank.apply(list_of(&fits), &(), Occasion { limit: 4, seed, now: NOW });
        first[list.shown[0].item.index()] += 1;
        assert_eq!(list.shown[3].item.number(), 3);
    }
    assert!(first[..2].iter().all(|times| (4_000..4_600).contains(times)), "{first:?}");
    assert!((800..2_000).contains(&first[2]) && first[3] == 0, "{first:?}");
}

#[test]
fn parameters_out_of_range_are_refused() {
    let item = ItemId::new(1);
    let many = (0..101).fold(Rerank::params(), |params, _| params.exclude("list"));
    for (params, message) in [
        (
            Rerank::params().weigh("x", 0.0),
            "`weigh` is 0, but must be from 0.001 to 1000; exclude what is not to be shown",
        ),
        (
            Rerank::params().fatigue(f64::NAN, Duration::days(1)),
            "`fatigue` is NaN, but must be from 0.1 to 1",
        ),
        (
            Rerank::params().fatigue(0.9, Duration::days(-1)),
            "`fatigue` is -1d, but must be over `0s` to `3650d`",
        ),
        (Rerank::params().rotate(2.0), "`rotate` is 2, but must be from 0 to 1"),
        (Rerank::params().diversify(0.2, 1_001), "`diversify` is 1001, but must be at most 1000 deep"),
        (
            Rerank::params().cap("brand", 0),
            "`cap` is 0, but must be at least 1; exclude what is not to be shown",
        ),
        (
            Rerank::params().pin(1, item).pin(2, item),
            "`pin` is at 2 again, but must be at one place for each item",
        ),
        (Rerank::params().pin(1, item).slot(1, "new"), "`pin` is twice at 1, but must be once at each place"),
        (Rerank::params().slot(1_000, "new"), "`pin` is 1000, but must be a place below 1000"),
        (many, "`exclude` is 101 times there, but must be there at most 100 times"),
    ] {
        assert_eq!(params.check().unwrap_err().to_string(), message);
    }
}

/// What no sane recommender gives.
#[test]
fn bad_scores_make_no_bad_list() {
    let fits = [(0, f64::NAN), (1, f64::INFINITY), (2, -1.0), (3, f64::MAX), (4, 1.0)];
    let rerank = Rerank::params().weigh("on sale", 1e3).rotate(1.0).diversify(0.3, 10).check().unwrap();
    let list = rerank.apply(list_of(&fits), &(), Occasion { limit: usize::MAX, seed: 0, now: NOW });
    assert_eq!(list.shown.len(), 5);
    assert!(list.shown.iter().all(|shown| shown.score.is_finite() && shown.score >= 0.0));
}
