//! What two halves of the users taught, put together, is what all of them teach.

use crate::model::{Duration, Instant};
use crate::recommend::{
    CoVisitation, Error, Interaction, ItemId, Items, Popularity, Query, Recommendation, Recommender,
};
use proptest::prelude::*;

const ITEMS: u32 = 12;

/// What happened: user, pause since the last one in seconds, item, weight, place.
type History = Vec<(u32, i64, u32, f32, usize)>;

fn histories() -> impl Strategy<Value = History> {
    let pause = prop_oneof![8 => 0_i64..120, 1 => 0_i64..10_000_000];
    let weight = prop_oneof![Just(1.0_f32), Just(3.0)];
    prop::collection::vec((0_u32..6, pause, 0..ITEMS, weight, 0_usize..3), 1..120)
}

const PLACES: [&[(&str, &str)]; 3] = [&[], &[("place", "gym")], &[("place", "home")]];

fn items() -> Items {
    let mut items = Items::new();
    for number in 0..ITEMS {
        items.intern(&number.to_string()).unwrap();
    }
    items
}

/// Learns what some of the users did, with items numbered as `number` says.
fn learned<R: Recommender>(
    mut model: R,
    history: &History,
    is_here: impl Fn(u32) -> bool,
    number: impl Fn(u32) -> u32,
) -> (R, Instant) {
    let mut now = Instant::from_millis(1_700_000_000_000);
    for &(user, pause, item, weight, place) in history {
        now = now + Duration::seconds(pause);
        if is_here(user) {
            let interaction = Interaction::new(user, ItemId::new(number(item)), now).with_weight(weight);
            model.learn(&interaction.with_context(PLACES[place]));
        }
    }
    (model, now)
}

fn check<R: Recommender>(new: impl Fn() -> R, history: &History) -> Result<(), TestCaseError> {
    let (whole, now) = learned(new(), history, |_| true, |item| item);
    let (mut merged, _) = learned(new(), history, |user| user % 2 == 0, |item| item);
    // The other partition has seen the items in another order.
    let theirs: Vec<ItemId> = (0..ITEMS).rev().map(ItemId::new).collect();
    let (other, _) = learned(new(), history, |user| user % 2 == 1, |item| ITEMS - 1 - item);
    let mut bytes = Vec::new();
    other.checkpoint(&mut bytes);
    merged.merge(&bytes, &theirs).unwrap();

    let items = items();
    let queries = [
        Query::popular(),
        Query::popular().context("place", "gym"),
        Query::similar_to("0"),
        Query::similar_to("5"),
        Query::session(["1", "2"]),
    ];
    for query in queries {
        let request = query.resolve(&items, None, now).unwrap();
        let by_item = |model: &R| {
            let mut answer = model.recommend(&request);
            answer.retain(|r| r.score > 1e-20); // what is about to vanish has lost its digits
            answer.sort_by_key(|r| r.item);
            answer
        };
        let (found, expected): (Vec<Recommendation>, _) = (by_item(&merged), by_item(&whole));
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert_eq!(found.item, expected.item);
            let error = (found.score - expected.score).abs();
            prop_assert!(error <= 1e-5 * expected.score, "{} is not {}", found.score, expected.score);
        }
    }

    let before = merged.recommend(&Query::popular().resolve(&items, None, now).unwrap());
    let refused = merged.merge(&bytes, &theirs[..0]);
    let is_refused = matches!(refused, Err(Error::Checkpoint { .. }));
    prop_assert!(is_refused || other.bytes() == 0);
    let after = merged.recommend(&Query::popular().resolve(&items, None, now).unwrap());
    prop_assert_eq!(before, after);
    Ok(())
}

proptest! {
    #[test]
    fn halves_of_popularity(history in histories()) {
        check(|| Popularity::params().half_life(Duration::days(1)).context("place").check().unwrap(), &history)?;
    }

    #[test]
    fn halves_of_covisitation(history in histories()) {
        check(|| CoVisitation::params().half_life(Duration::days(1)).check().unwrap(), &history)?;
    }
}
