use super::*;
use crate::model::Duration;
use crate::recommend::{CoVisitation, Popularity, Query};

/// Answers its items with scores that fall from 1, whoever asks.
#[derive(Debug)]
struct Fixed(&'static str, Vec<(u32, f64)>);

impl Recommender for Fixed {
    fn name(&self) -> &str {
        self.0
    }

    fn learn(&mut self, _interaction: &Interaction<'_>) {}

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let scored = self.1.iter().take(request.limit());
        scored.map(|(n, score)| Recommendation::new(ItemId::new(*n), *score, reason(self.0))).collect()
    }

    fn forget(&mut self, _user: u32) {}

    fn bytes(&self) -> usize {
        0
    }

    fn checkpoint(&self, _out: &mut Vec<u8>) {}

    fn restore(&mut self, bytes: &[u8], _items: &Items) -> Result<(), Error> {
        restored(self.0, bytes, |_| Ok(()))
    }
}

fn reason(name: &str) -> Reason {
    Reason::Other(name.into())
}

fn answer(blend: &Blend, limit: usize) -> Vec<(u32, f64, String)> {
    let request = Request::of_user(1, Instant::from_millis(0)).with_limit(limit);
    let words = |reason: &Reason| reason.display(&Items::new()).to_string();
    blend.recommend(&request).iter().map(|r| (r.item.number(), r.score, words(&r.reason))).collect()
}

#[test]
fn each_source_counts_by_its_best_score() {
    let blend = Blend::builder()
        .source(Fixed("kilograms", vec![(1, 10.0), (2, 5.0), (3, 1.0)]), 1.0)
        .source(Fixed("grams", vec![(3, 5000.0), (4, 5000.0), (2, 2500.0)]), 0.8)
        .source(Fixed("silent", vec![]), 1.0)
        .check()
        .unwrap();
    // Of two that score the same, the one that a source ranks first.
    let shown = answer(&blend, 3);
    let expected = [(1, 1.0, "kilograms"), (3, 0.1 + 0.8, "grams"), (2, 0.5 + 0.4, "kilograms")];
    assert_eq!(shown, expected.map(|(item, score, words)| (item, score, words.to_owned())));
    assert_eq!(answer(&blend, 10).last().unwrap().0, 4);
    assert!(answer(&blend, 0).is_empty());
}

#[test]
fn a_weight_below_zero_takes_away_and_adds_nothing() {
    let blend = Blend::builder()
        .source(Fixed("bought", vec![(1, 4.0), (2, 3.0), (3, 2.0)]), 1.0)
        .source(Fixed("instead", vec![(1, 1.0), (3, 0.2), (9, 0.1)]), -1.0)
        .check()
        .unwrap();
    let shown: Vec<_> = answer(&blend, 10).iter().map(|(item, score, _)| (*item, *score)).collect();
    assert_eq!(shown, [(2, 0.75), (3, 0.5 - 0.2)]); // 1 has nothing left, 9 nobody gave
}

#[test]
fn what_makes_no_blend() {
    let source = || Fixed("x", vec![]);
    assert!(Blend::builder().check().is_err());
    for weight in [f64::NAN, f64::INFINITY, 1001.0, -1001.0] {
        assert!(Blend::builder().source(source(), weight).check().is_err(), "{weight}");
    }
    let many = (0..17).fold(Blend::builder(), |builder, _| builder.source(source(), 1.0));
    assert!(many.check().is_err());
}

/// Users choose what one source says and another does not: its weight grows at the cost of the other.
#[test]
fn weights_follow_what_users_choose() {
    let mut blend = Blend::builder()
        .source(Fixed("wrong", vec![(1, 1.0), (2, 0.5)]), 1.0)
        .source(Fixed("right", vec![(3, 1.0), (4, 0.5)]), 1.0)
        .source(Fixed("against", vec![(4, 1.0)]), -1.0)
        .learn_every(2)
        .check()
        .unwrap();
    let now = Instant::from_millis(0);
    for turn in 0..2_000 {
        blend.learn(&Interaction::new(1, ItemId::new([3, 3, 4, 4][turn % 4]), now));
    }
    let weights: Vec<f64> = blend.weights().map(|(_, weight)| weight).collect();
    assert!(weights[1] > 2.0 * weights[0], "{weights:?}");
    assert!(weights[0] >= 0.0 && (-1.0..=0.0).contains(&weights[2]), "{weights:?}");
    assert_eq!(answer(&blend, 1)[0].0, 3);

    let mut bytes = Vec::new();
    blend.checkpoint(&mut bytes);
    let mut other = Blend::builder()
        .source(Fixed("wrong", vec![]), 1.0)
        .source(Fixed("right", vec![]), 1.0)
        .source(Fixed("against", vec![]), -1.0)
        .check()
        .unwrap();
    other.restore(&bytes, &Items::new()).unwrap();
    assert_eq!(other.weights().map(|(_, weight)| weight).collect::<Vec<_>>(), weights);
    assert!(
        Blend::builder()
            .source(Fixed("wrong", vec![]), 1.0)
            .check()
            .unwrap()
            .restore(&bytes, &Items::new())
            .is_err()
    );
}

/// Of a shop where half of what is seen follows from the last item, co-visitation is worth more than popularity.
#[test]
fn it_learns_which_source_predicts() {
    let mut items = Items::new();
    let ids: Vec<ItemId> = (0..200).map(|n| items.intern(&n.to_string()).unwrap()).collect();
    let mut blend = Blend::builder()
        .source(CoVisitation::default(), 0.5)
        .source(Popularity::default(), 0.5)
        .learn_every(3)
        .check()
        .unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let mut now = Instant::from_millis(0);
    for user in 0..3_000 {
        let mut item = random.usize(..200);
        for _ in 0..4 {
            now = now + Duration::seconds(10);
            blend.learn(&Interaction::new(user, ids[item], now));
            item = if random.bool() { (item * 7 + 1) % 200 } else { random.usize(..200) };
        }
    }
    let weights: Vec<f64> = blend.weights().map(|(_, weight)| weight).collect();
    assert!(weights[0] > 1.5 * weights[1], "{weights:?}");
    let next = blend.recommend(&Query::session(["10"]).resolve(&items, None, now).unwrap());
    assert_eq!(items.name(next[0].item), Some("71"));
}

/// The state before may be about more items than there are for the checkpoint that is refused.
#[test]
fn what_is_refused_for_missing_items_changes_nothing() {
    let mut items = Items::new();
    let (boot, sock) = (items.intern("boot").unwrap(), items.intern("sock").unwrap());
    let new = || {
        let blend = Blend::builder().source(Popularity::default(), 1.0);
        blend.source(CoVisitation::default(), 0.1).check().unwrap()
    };
    let of = |blend: &Blend| {
        let mut bytes = Vec::new();
        blend.checkpoint(&mut bytes);
        bytes
    };
    // The first source knows of no item, the second of one: without items the first is read, and the second is not.
    let (mut half, at) = (new(), Instant::from_millis(0));
    half.sources[1].learn(&Interaction::new(1, boot, at));
    let mut blend = new();
    blend.learn(&Interaction::new(1, boot, at));
    blend.learn(&Interaction::new(1, sock, at));
    let before = of(&blend);
    assert!(blend.restore(&of(&half), &Items::new()).is_err());
    assert_eq!(of(&blend), before);
}
