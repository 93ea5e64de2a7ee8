use super::*;
use crate::model::Instant;
use crate::recommend::{Query, conformance, cosine};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ITEMS: u32 = 14;
const VALUES: [&str; 7] = ["red", "blue", "boots", "socks", "wool", "new", "sale"];
const START: Instant = Instant::from_millis(1_700_000_000_000);

/// What happens to items.
#[derive(Clone, Debug)]
enum Step {
    Describe(u32, Vec<usize>, Option<[f32; 3]>),
    Withdraw(u32),
    Touch(u32, u32),
    Untouch(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let item = 0..ITEMS;
    let vector = prop::option::weighted(0.3, prop::array::uniform3(-1.0_f32..1.0));
    let tags = prop::collection::vec(0..VALUES.len(), 0..4);
    let step = prop_oneof![
        5 => (item.clone(), tags, vector).prop_map(|(item, tags, vector)| Step::Describe(item, tags, vector)),
        1 => item.clone().prop_map(Step::Withdraw),
        2 => (item.clone(), prop_oneof![1_u32..4, 50_u32..70]).prop_map(|(item, times)| Step::Touch(item, times)),
        1 => item.prop_map(Step::Untouch),
    ];
    prop::collection::vec(step, 1..60)
}

fn item(number: u32) -> ItemId {
    ItemId::new(number)
}

fn items(count: u32) -> Items {
    let mut items = Items::new();
    for number in 0..count {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

fn tags(values: &[usize]) -> impl Iterator<Item = (&'static str, &'static str)> {
    values.iter().map(|value| ("tag", VALUES[*value]))
}

fn touch(twins: &mut Twins, number: u32, times: u32) {
    (0..times).for_each(|user| twins.learn(&Interaction::new(user, item(number), START)));
}

#[derive(Clone, Debug, Default)]
struct Known {
    described: BTreeMap<u32, (Vec<usize>, Option<[f32; 3]>)>,
    touches: BTreeMap<u32, u32>,
}

impl Known {
    fn after(steps: &[Step]) -> (Known, Twins) {
        let (mut known, mut twins) = (Known::default(), Twins::default());
        for step in steps {
            match step {
                Step::Describe(number, values, vector) => {
                    twins.describe(item(*number), tags(values), vector.as_ref().map(|vector| &vector[..]));
                    known.described.insert(*number, (values.clone(), *vector));
                    if values.is_empty() && vector.is_none() {
                        known.described.remove(number);
                    }
                }
                Step::Withdraw(number) => {
                    twins.withdraw(item(*number));
                    known.described.remove(number);
                }
                Step::Touch(number, times) => {
                    touch(&mut twins, *number, *times);
                    *known.touches.entry(*number).or_default() += times;
                }
                Step::Untouch(number) => {
                    twins.unlearn(&[Interaction::new(0, item(*number), START)]);
                    let touches = known.touches.entry(*number).or_default();
                    *touches = touches.saturating_sub(1);
                }
            }
        }
        (known, twins)
    }

    /// The same in another order, and at once.
    fn rebuilt(&self) -> Twins {
        let mut twins = Twins::default();
        for (number, times) in &self.touches {
            touch(&mut twins, *number, *times);
        }
        for (number, (values, vector)) in self.described.iter().rev() {
            twins.describe(item(*number), tags(values), vector.as_ref().map(|vector| &vector[..]));
        }
        twins
    }

    /// The cosine by the letter.
    fn likeness(&self, one: u32, other: u32) -> f64 {
        let (Some(a), Some(b)) = (self.described.get(&one), self.described.get(&other)) else { return 0.0 };
        if let (Some(a), Some(b)) = (&a.1, &b.1) {
            return cosine(a, b);
        }
        let having = |value: usize| {
            self.described.values().filter(|(values, _)| values.contains(&value)).count() as f64
        };
        let weight = |value: usize| match having(value) {
            n if n > 1.0 => (2.0 * self.described.len() as f64 / n).ln(),
            _ => 0.0,
        };
        let [a, b] = [a, b].map(|(values, _)| values.iter().copied().collect::<BTreeSet<usize>>());
        let square =
            |values: &mut dyn Iterator<Item = &usize>| values.map(|v| weight(*v).powi(2)).sum::<f64>();
        let product = square(&mut a.intersection(&b));
        if product > 0.0 { product / (square(&mut a.iter()) * square(&mut b.iter())).sqrt() } else { 0.0 }
    }
}

proptest! {
    /// What is found does not depend on how it came about, and is what all pairs say.
    #[test]
    fn twins_are_those_of_all_pairs(steps in steps()) {
        let (known, twins) = Known::after(&steps);
        let rebuilt = known.rebuilt();
        prop_assert_eq!(twins.described(), known.described.len());
        for one in 0..ITEMS {
            let found = twins.twins(item(one), usize::MAX);
            prop_assert_eq!(&found, &rebuilt.twins(item(one), usize::MAX));
            let mut seen: BTreeMap<u32, f64> = found.iter().map(|(other, x)| (other.number(), *x)).collect();
            prop_assert!(found.is_sorted_by(|a, b| a.1 > b.1 || a.1 == b.1 && a.0 < b.0));
            for other in (0..ITEMS).filter(|other| *other != one) {
                let (found, expected) = (seen.remove(&other).unwrap_or(0.0), known.likeness(one, other));
                prop_assert!((found - expected).abs() < 0.02, "{one} {other}: {found} {expected}");
            }
            prop_assert!(seen.is_empty());
        }
        let (mut bytes, mut same) = (Vec::new(), Vec::new());
        twins.checkpoint(&mut bytes);
        rebuilt.checkpoint(&mut same);
        prop_assert_eq!(bytes, same);
    }

    /// The prior by the letter, over all items that were touched.
    #[test]
    fn cold_items_are_worth_what_their_twins_are(
        steps in steps(),
        warm in prop::collection::btree_map(0..ITEMS, 1_u32..10, 1..6),
    ) {
        let tagged = |step| match step {
            Step::Describe(number, values, _) => Step::Describe(number, values, None),
            other => other,
        };
        let steps: Vec<Step> = steps.into_iter().map(tagged).collect();
        let (known, twins) = Known::after(&steps);
        let mut answer: Vec<Recommendation> = warm.iter().map(|(number, score)| {
            Recommendation::new(item(*number), f64::from(*score), Reason::Popular)
        }).collect();
        answer.sort_by(|a, b| b.score.total_cmp(&a.score));
        let (items, query) = (items(ITEMS), Query::popular().limit(100));
        let request = query.resolve(&items, None, START).unwrap();
        let found = twins.with_cold(answer, &request);
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        let found: BTreeMap<u32, f64> = found.iter().map(|shown| (shown.item.number(), shown.score)).collect();
        for number in 0..ITEMS {
            let n = known.touches.get(&number).copied().unwrap_or(0);
            let is_touched = |other: &u32| known.touches.get(other).is_some_and(|touches| *touches > 0);
            let mut likes: Vec<(f64, u32)> = (0..ITEMS)
                .filter(|other| *other != number && is_touched(other))
                .map(|other| (known.likeness(number, other), other))
                .filter(|(likeness, _)| *likeness > 0.0)
                .collect();
            likes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            likes.truncate(10);
            let terms = likes.iter().map(|(x, other)| x * x * f64::from(warm.get(other).copied().unwrap_or(0)));
            let all: f64 = likes.iter().map(|(x, _)| x).sum();
            let prior = if n > 60 || likes.is_empty() { 0.0 } else { terms.sum::<f64>() / all };
            let own = warm.get(&number).copied().map_or(0.0, f64::from);
            let expected = own.max(20.0 / (20.0 + f64::from(n)) * prior);
            let found = found.get(&number).copied().unwrap_or(0.0);
            prop_assert!((found - expected).abs() < 1e-9 * expected.max(1.0), "{number}: {found} {expected}");
        }
    }
}

/// Where everything is common, those that have most in common are found.
#[test]
fn common_tags_say_more_together() {
    let mut twins = Twins::default();
    let named = |number: u32| {
        [("colour", number % 7), ("brand", number % 11), ("size", number % 13)]
            .map(|(name, value)| (name, value.to_string()))
    };
    for number in 0..40_000 {
        let tags = named(number);
        twins.describe(item(number), tags.iter().map(|(name, value)| (*name, &**value)), None);
        if number % 2 == 0 {
            touch(&mut twins, number, 100);
        }
    }
    let one = 20_019;
    let same = |other: &u32| *other != one && named(*other) == named(one);
    let touched: Vec<u32> = (0..40_000).step_by(2).filter(same).collect();
    let found = twins.index.nearest(item(one), Pool::Touched, 10);
    assert!(found.iter().all(|like| like.likeness == 1.0));
    let found: Vec<u32> = found.iter().map(|like| like.item.number()).collect();
    assert_eq!(found, touched[..10]);
    // Cold ones are those that came last.
    let cold: Vec<u32> = (1..40_000).step_by(2).filter(same).collect();
    let found = twins.index.nearest(item(one), Pool::Cold, 10);
    let found: Vec<u32> = found.iter().rev().map(|like| like.item.number()).collect();
    assert_eq!(found, cold[cold.len() - 10..]);
    assert!(twins.bytes() > 40_000 * 12);
}

/// Of ten thousand vectors half of the nearest are found, though one in forty is looked at.
#[test]
fn near_vectors_are_found() {
    let mut random = fastrand::Rng::with_seed(8);
    let mut around = |centre: &[f32], noise: f32| -> Vec<f32> {
        centre.iter().map(|x| x + noise * (random.f32() - 0.5)).collect()
    };
    let centres: Vec<Vec<f32>> = (0..500).map(|_| around(&[0.0; 32], 1.0)).collect();
    let vectors: Vec<Vec<f32>> = (0..10_000).map(|number| around(&centres[number % 500], 0.5)).collect();
    let mut twins = Twins::default();
    for (number, vector) in (0..).zip(&vectors) {
        twins.describe(item(number), [], Some(vector));
        touch(&mut twins, number, 100);
    }
    let mut found = 0;
    for one in 0..100 {
        let others = (0..vectors.len()).filter(|other| *other != one);
        let mut nearest: Vec<(f64, usize)> =
            others.map(|other| (cosine(&vectors[one], &vectors[other]), other)).collect();
        nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
        let twins = twins.twins(item(one as u32), 10);
        found += twins
            .iter()
            .filter(|(item, _)| nearest[..10].iter().any(|(_, near)| *near == item.index()))
            .count();
    }
    assert!(found > 500, "{found} of 1000");
}

/// Evidence takes the place of content, touch by touch.
#[test]
fn cold_items_give_way() {
    let items = items(3);
    let mut twins = Twins::default();
    touch(&mut twins, 0, 100);
    (0..3).for_each(|number| twins.describe(item(number), [("category", "boots")], None));
    let query = Query::popular();
    let request = query.resolve(&items, None, START).unwrap();
    let answer = || vec![Recommendation::new(item(0), 0.9, Reason::Popular)];
    let score = |twins: &Twins| {
        let answer = twins.with_cold(answer(), &request);
        answer.iter().find(|shown| shown.item == item(1)).map(|shown| shown.score)
    };
    let mut before = 2.0;
    for (touches, share) in [(0, Some(0.9)), (5, Some(0.72)), (20, Some(0.45)), (60, Some(0.225)), (61, None)]
    {
        let more = touches - twins.touches(item(1));
        touch(&mut twins, 1, more);
        let found = score(&twins);
        assert!(
            found.zip(share).is_none_or(|(a, b): (f64, f64)| (a - b).abs() < 1e-12),
            "{touches}: {found:?}"
        );
        assert_eq!(found.is_some(), share.is_some(), "{touches}");
        assert!(found.unwrap_or(0.0) < before);
        before = found.unwrap_or(0.0);
    }
    // What is not admitted is not added, and there is room for one.
    let is_first = |item: ItemId| item.number() == 0;
    assert_eq!(twins.with_cold(answer(), &request.clone().with_filter(&is_first)).len(), 1);
    assert_eq!(twins.with_cold(answer(), &request.clone().with_limit(1)).len(), 1);
    twins.withdraw_all();
    assert_eq!((twins.described(), score(&twins)), (0, None));
}

#[test]
fn parameters_have_ranges() {
    for (params, name) in [
        (Twins::params().kappa(-1.0), "kappa"),
        (Twins::params().kappa(f64::NAN), "kappa"),
        (Twins::params().twins(0), "twins"),
        (Twins::params().twins(101), "twins"),
    ] {
        let error = params.check().unwrap_err();
        assert!(matches!(error, Error::Parameter { name: found, .. } if found == name), "{error}");
    }
    let mut off = Twins::params().kappa(0.0).check().unwrap();
    touch(&mut off, 0, 1);
    (0..2).for_each(|number| off.describe(item(number), [("category", "boots")], None));
    let (items, query) = (items(2), Query::popular());
    let answer = vec![Recommendation::new(item(0), 1.0, Reason::Popular)];
    assert_eq!(off.with_cold(answer, &query.resolve(&items, None, START).unwrap()).len(), 1);
}

/// A shop that describes an item when it first sells one.
#[derive(Debug, Default)]
struct Shop(Twins);

impl Shop {
    fn describe(&mut self, item: ItemId) {
        let [colour, kind] = [3, 5].map(|modulus| (item.number() % modulus).to_string());
        self.0.describe(item, [("colour", &*colour), ("kind", &*kind)], None);
    }
}

impl Recommender for Shop {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        self.describe(interaction.item());
        self.0.learn(interaction);
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        self.0.recommend(request)
    }

    fn forget(&mut self, user: u32) {
        self.0.forget(user);
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        self.0.checkpoint(out);
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
        self.0.restore(bytes, items)?;
        items.iter().for_each(|(item, _)| self.describe(item));
        Ok(())
    }

    fn merge(&mut self, bytes: &[u8], items: &[ItemId]) -> Result<(), Error> {
        self.0.merge(bytes, items)
    }
}

#[test]
fn it_conforms() {
    conformance(Shop::default).unwrap();
}
