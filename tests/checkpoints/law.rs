//! What holds whatever bytes are taken for a checkpoint.

use crate::world::{self, NewPolicy, NewRecommender, POLICIES, RECOMMENDERS, Round};
use bespoke::model::{Duration, Instant};
use bespoke::recommend::bandit::Policy;
use bespoke::recommend::{Interaction, ItemId, Items, Query, Recommender, WEIGHT_MAX};
use fastrand::Rng;

/// How many kinds of models there are.
pub(crate) const KINDS: usize = RECOMMENDERS.len() + POLICIES.len();

/// A user takes a page of 1,024 places at most, and a number of 32 bits the list of all pages.
const BYTES_FOR_ONE: usize = 16_384;
const BYTES_FOR_ALL: usize = 64 << 20;

/// Bytes that the model of a kind is to read, and whether it took them for its own.
///
/// It refuses them and is as before, or takes them over and is as good as one that learned: it answers sanely, goes on
/// learning, forgets, and writes checkpoints that are read again. The same of what it merges.
pub(crate) fn check(kind: usize, bytes: &[u8]) -> bool {
    match kind % KINDS {
        kind if kind < RECOMMENDERS.len() => recommender(RECOMMENDERS[kind], bytes),
        kind => policy(POLICIES[kind - RECOMMENDERS.len()], bytes),
    }
}

fn recommender(new: NewRecommender, bytes: &[u8]) -> bool {
    let items = world::items();
    let mut model = world::learned(new, 1, 30, 5);
    let before = checkpoint(&*model);
    let is_read = model.restore(bytes, &items).is_ok();
    if is_read {
        let (most, found) = (BYTES_FOR_ALL + BYTES_FOR_ONE * bytes.len(), model.bytes());
        assert!(found <= most, "{} takes {found} bytes for {}", model.name(), bytes.len());
        go_on(new, &mut *model, &items);
    } else {
        assert!(checkpoint(&*model) == before, "{} was changed by what it refused", model.name());
        let sees_less = model.restore(bytes, &Items::new());
        assert!(sees_less.is_err(), "{} reads more about fewer items", model.name());
        assert!(checkpoint(&*model) == before, "{} was changed by what it refused", model.name());
    }

    let mut model = world::learned(new, 2, 30, 5);
    let before = checkpoint(&*model);
    // The other one has numbered the items the other way.
    let theirs: Vec<ItemId> =
        (0..world::ITEMS).rev().map(|number| items.at(number).expect("there are so many")).collect();
    match model.merge(bytes, &theirs) {
        Ok(()) => go_on(new, &mut *model, &items),
        Err(_) => assert!(checkpoint(&*model) == before, "{} was changed by what it refused", model.name()),
    }
    is_read
}

fn checkpoint(model: &dyn Recommender) -> Vec<u8> {
    let mut bytes = Vec::new();
    model.checkpoint(&mut bytes);
    bytes
}

fn go_on(new: NewRecommender, model: &mut dyn Recommender, items: &Items) {
    is_read_again(new, model, items);
    let queries = world::queries();
    let (interactions, now) = world::interactions(&mut Rng::with_seed(3), 12, world::start());
    queries.iter().for_each(|query| ask(model, query, items, now));
    interactions.iter().for_each(|interaction| model.learn(interaction));
    let turns = (0..10_000).find(|_| !model.tick(now, 7));
    assert!(turns.is_some(), "the work of {} never ends", model.name());
    model.forget(interactions[0].user());
    is_read_again(new, model, items);
    queries.iter().for_each(|query| ask(model, query, items, now));
    for at in [Instant::MIN, now + Duration::days(4_000), Instant::MAX, now] {
        for weight in [WEIGHT_MAX, -1.0, f32::MIN_POSITIVE] {
            let item = interactions[1].item();
            model.learn(&Interaction::new(2, item, at).with_weight(weight));
        }
    }
    model.tick(now, 7);
    queries.iter().for_each(|query| ask(model, query, items, now));
    is_read_again(new, model, items);
}

/// What a model writes is read again, and is all of it.
fn is_read_again(new: NewRecommender, model: &dyn Recommender, items: &Items) {
    let (bytes, mut again) = (checkpoint(model), new());
    again
        .restore(&bytes, items)
        .unwrap_or_else(|error| panic!("{} cannot read itself: {error}", model.name()));
    assert!(checkpoint(&*again) == bytes, "{} is another one when it is read again", model.name());
}

fn ask(model: &dyn Recommender, query: &Query, items: &Items, now: Instant) {
    for user in [1, 5] {
        let request = query.resolve(items, Some(user), now).expect("the query names what there is");
        let answer = model.recommend(&request);
        let mut shown: Vec<ItemId> = answer.iter().map(|shown| shown.item).collect();
        shown.sort_unstable();
        shown.dedup();
        let is_sane = answer.len() <= request.limit()
            && shown.len() == answer.len()
            && answer.iter().all(|shown| request.admits(shown.item) && items.name(shown.item).is_some())
            && answer.iter().all(|shown| shown.score.is_finite() && shown.score >= 0.0)
            && answer.is_sorted_by(|a, b| a.score >= b.score);
        assert!(is_sane, "{} answers {answer:?} to {query:?}", model.name());
    }
}

fn policy(new: NewPolicy, bytes: &[u8]) -> bool {
    let mut policy = world::learned_policy(new, 1, 10);
    let before = checkpoint_of(&*policy);
    let is_read = policy.restore(bytes).is_ok();
    if is_read {
        go_on_choosing(new, &mut *policy);
    } else {
        assert!(checkpoint_of(&*policy) == before, "{} was changed by what it refused", policy.name());
    }
    let mut policy = world::learned_policy(new, 2, 10);
    let before = checkpoint_of(&*policy);
    match policy.merge(bytes) {
        Ok(()) => go_on_choosing(new, &mut *policy),
        Err(_) => {
            assert!(checkpoint_of(&*policy) == before, "{} was changed by what it refused", policy.name())
        }
    }
    is_read
}

fn checkpoint_of(policy: &dyn Policy) -> Vec<u8> {
    let mut bytes = Vec::new();
    policy.checkpoint(&mut bytes);
    bytes
}

fn go_on_choosing(new: NewPolicy, policy: &mut dyn Policy) {
    let mut random = Rng::with_seed(3);
    for number in 0..4 {
        chooses(policy, &mut random);
        let (bytes, mut again) = (checkpoint_of(policy), new());
        again.restore(&bytes).unwrap_or_else(|error| panic!("{} cannot read itself: {error}", policy.name()));
        assert!(checkpoint_of(&*again) == bytes, "{} is another one when it is read again", policy.name());
        // It is also what can be put together with itself.
        policy.merge(&bytes).unwrap_or_else(|error| panic!("{} cannot merge itself: {error}", policy.name()));
        world::teach(policy, &mut random, number);
    }
    chooses(policy, &mut random);
}

fn chooses(policy: &dyn Policy, random: &mut Rng) {
    let round = Round::of(policy, random);
    let candidates = round.candidates();
    let choice = policy.choose(&candidates, 7).expect("it was asked so before");
    assert!(choice.score.is_finite(), "{} chose {choice:?}", policy.name());
    let places = 0..candidates.arms().len();
    let shares: Vec<f64> =
        places.map(|place| policy.propensity(&candidates, place).expect("there is such a place")).collect();
    let are_shares = shares.iter().all(|share| (0.0..=1.0).contains(share));
    assert!(are_shares, "{} has propensities {shares:?}", policy.name());
}
