//! Models that have learned a little, and what they are asked.

use bespoke::model::{Duration, Instant};
use bespoke::recommend::bandit::{BetaThompson, Candidates, LinUcb, Policy, Thompson};
use bespoke::recommend::{
    Action, Als, Blend, BoughtTogether, CoVisitation, Ease, Interaction, Items, Popularity, Query,
    Recommender, SessionKnn, Trending,
};
use fastrand::Rng;

pub(crate) type NewRecommender = fn() -> Box<dyn Recommender>;
pub(crate) type NewPolicy = fn() -> Box<dyn Policy>;

/// Every recommender, so small that a few interactions fill it.
pub(crate) const RECOMMENDERS: [NewRecommender; 12] = [
    || Box::new(Popularity::params().context("place").check().expect("in range")),
    || Box::new(Trending::params().context("place").k_min(3).check().expect("in range")),
    || Box::new(CoVisitation::default()),
    || Box::new(CoVisitation::params().neighbours(3).k_min(3).check().expect("in range")),
    || Box::new(SessionKnn::default()),
    || Box::new(SessionKnn::params().sessions(16).sessions_per_item(3).k_min(2).check().expect("in range")),
    || Box::new(BoughtTogether::params().pairs_min(1.0).neighbours(3).k_min(2).check().expect("in range")),
    || Box::new(Ease::params().items(9).history(8).check().expect("in range")),
    || Box::new(Ease::params().half_life(Duration::days(1)).ridge(1.0).k_min(2).check().expect("in range")),
    || Box::new(Als::params().factors(3).history(8).sweeps(2).check().expect("in range")),
    || Box::new(Als::params().factors(2).half_life(Duration::days(1)).k_min(2).check().expect("in range")),
    || {
        let blend = Blend::builder().source(CoVisitation::default(), 1.0);
        Box::new(blend.source(Popularity::default(), 0.1).learn_every(3).check().expect("in range"))
    },
];

/// Every policy. One with many features, where what is wrong can grow.
pub(crate) const POLICIES: [NewPolicy; 6] = [
    || Box::new(Thompson::params().arms(ARMS, FEATURES).features(FEATURES).check().expect("in range")),
    || Box::new(Thompson::params().features(60).drift(0.01).check().expect("in range")),
    || Box::new(Thompson::params().arms(ARMS, FEATURES).diagonal(true).check().expect("in range")),
    || Box::new(LinUcb::params().arms(ARMS, FEATURES).features(FEATURES).check().expect("in range")),
    || Box::new(LinUcb::params().features(60).variance(1e6).check().expect("in range")),
    || Box::new(BetaThompson::params(ARMS).check().expect("in range")),
];

const ARM_NUMBERS: [u32; ARMS] = [0, 1, 2, 3];
const ARMS: usize = 4;
const FEATURES: usize = 3;
pub(crate) const ITEMS: u32 = 12;
const USERS: u32 = 8;
const PLACES: [&[(&str, &str)]; 3] = [&[], &[("place", "gym")], &[("place", "home")]];

pub(crate) fn items() -> Items {
    let mut items = Items::new();
    for number in 0..ITEMS {
        items.intern(&number.to_string()).expect("short, and few");
    }
    items
}

/// What happens from an instant on; gives the one after it.
pub(crate) fn interactions(
    random: &mut Rng,
    count: usize,
    mut now: Instant,
) -> (Vec<Interaction<'static>>, Instant) {
    let (mut all, items) = (Vec::new(), items());
    for _ in 0..count {
        now = now + Duration::seconds([0, 5, 60, 60, 3_600, 86_400][random.usize(..6)]);
        let number = random.u32(..ITEMS).min(random.u32(..ITEMS));
        let item = items.at(number).expect("there are so many");
        let action = [Action::Viewed, Action::Bought, Action::Bought, Action::Dismissed][random.usize(..4)];
        let weight = if action == Action::Dismissed { -1.0 } else { [1.0, 5.0][random.usize(..2)] };
        let interaction = Interaction::new(random.u32(..USERS), item, now).with_action(action);
        all.push(interaction.with_weight(weight).with_context(PLACES[random.usize(..3)]));
    }
    (all, now)
}

pub(crate) fn start() -> Instant {
    Instant::from_millis(1_790_000_000_000)
}

/// Learns so much, and does so many steps of what takes long.
pub(crate) fn learned(new: NewRecommender, seed: u64, count: usize, steps: usize) -> Box<dyn Recommender> {
    let mut model = new();
    let (interactions, now) = interactions(&mut Rng::with_seed(seed), count, start());
    interactions.iter().for_each(|interaction| model.learn(interaction));
    model.tick(now, steps);
    model
}

pub(crate) fn queries() -> [Query; 8] {
    [
        Query::for_user(),
        Query::for_user().allow_repeat(true).limit(1),
        Query::session(["0", "1", "2", "0"]),
        Query::similar_to_all(["0", "3", "5"]),
        Query::complementary_to(["0", "1"]),
        Query::popular().context("place", "gym"),
        Query::trending().context("place", "home"),
        Query::trending().excluding(["0", "1"]),
    ]
}

/// What a policy is asked: arms of which as many features are known as it takes.
pub(crate) struct Round {
    context: Vec<f64>,
    features: Vec<f64>,
}

impl Round {
    pub(crate) fn of(policy: &dyn Policy, random: &mut Rng) -> Round {
        let shapes = [(FEATURES, FEATURES), (0, 60), (FEATURES, 0), (0, 0)];
        let mut numbers = |len: usize| (0..len).map(|_| random.f64() * 2.0 - 1.0).collect::<Vec<f64>>();
        let mut rounds = shapes.into_iter().map(|(context, features)| Round {
            context: numbers(context),
            features: numbers(features * ARM_NUMBERS.len()),
        });
        let taken = rounds.find(|round| policy.choose(&round.candidates(), 0).is_ok());
        taken.expect("one of them has as many features as the policy was made for")
    }

    pub(crate) fn candidates(&self) -> Candidates<'_> {
        Candidates::new(&ARM_NUMBERS).with_context(&self.context).with_features(&self.features)
    }
}

pub(crate) fn learned_policy(new: NewPolicy, seed: u64, rounds: u64) -> Box<dyn Policy> {
    let (mut policy, mut random) = (new(), Rng::with_seed(seed));
    for number in 0..rounds {
        teach(&mut *policy, &mut random, number);
    }
    policy
}

/// A choice, and what it brought.
pub(crate) fn teach(policy: &mut dyn Policy, random: &mut Rng, number: u64) {
    let round = Round::of(policy, random);
    let candidates = round.candidates();
    let place = policy.choose(&candidates, number).expect("it was asked so before").place;
    policy.learn(&candidates, place, f64::from(random.u8(..2))).expect("the reward is in range");
}
