use crate::model::{Duration, Instant};
use crate::recommend::{
    Action, Error, Interaction, ItemId, Items, LIMIT_MAX, Query, Recommendation, Recommender, Request,
};
use std::fmt;

/// A [`Recommender`] or a [`Policy`](crate::recommend::bandit::Policy) breaks its contract: which rule, and where it was seen.
///
/// ```
/// use bespoke::recommend::{BoughtTogether, conformance};
/// let strict = BoughtTogether::params().pairs_min(1e6).check()?; // nothing is ever bought together so often
/// let violation = conformance(|| strict.clone()).unwrap_err();
/// assert_eq!(violation.rule(), "it recommends something"); // what does not hold; the rest says where
/// assert!(violation.to_string().ends_with("queries had an empty answer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {seen}")]
pub struct Violation {
    rule: &'static str,
    seen: String,
}

impl Violation {
    pub(super) fn new(rule: &'static str, seen: String) -> Violation {
        Violation { rule, seen }
    }

    /// The rule, as a sentence that does not hold.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// As it prints, since a test shows it this way.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const USERS: u32 = 40;
const ITEMS: u32 = 60;

/// Runs a recommender through a few thousand interactions and queries, and checks the contract of [`Recommender`].
///
/// `new` makes a recommender that has learned nothing; it is called several times. Takes milliseconds for a
/// model that learns in microseconds. Meant for a host's tests:
///
/// ```
/// use bespoke::recommend::{CoVisitation, Popularity, Recommender, conformance};
/// conformance(Popularity::default)?;
/// conformance(|| -> Box<dyn Recommender> { Box::new(CoVisitation::default()) })?;
/// # Ok::<(), bespoke::recommend::Violation>(())
/// ```
///
/// # Errors
/// The first [`Violation`] that was seen.
pub fn conformance<R: Recommender>(new: impl Fn() -> R) -> Result<(), Violation> {
    let world = World::new();
    let queries = world.queries();
    let learned = || {
        let mut model = new();
        world.interactions.iter().for_each(|interaction| model.learn(interaction));
        model
    };

    if new().name().is_empty() {
        return Err(Violation { rule: "it has a name", seen: "the name is empty".into() });
    }
    let empty = new();
    for query in &queries {
        let answer = world.ask(&empty, query)?;
        ensure(answer.is_empty(), "a model that has learned nothing gives an empty answer", query, &answer)?;
    }

    let (mut model, twin) = (learned(), learned());
    let mut answers = 0;
    for query in &queries {
        let answer = world.ask(&model, query)?;
        answers += usize::from(!answer.is_empty());
        let again = world.ask(&model, query)?;
        ensure(answer == again, "asking changes nothing", query, &again)?;
        let same = world.ask(&twin, query)?;
        ensure(answer == same, "the same inputs give the same answer", query, &same)?;
    }
    if answers == 0 {
        let seen = format!("{} queries had an empty answer", queries.len());
        return Err(Violation { rule: "it recommends something", seen });
    }

    for unknown in [USERS, u32::from(u16::MAX)] {
        model.forget(unknown);
    }
    for query in &queries {
        let answer = world.ask(&model, query)?;
        let same = world.ask(&twin, query)?;
        ensure(answer == same, "forgetting an unknown user changes nothing", query, &answer)?;
    }
    model.forget(0);
    let query = Query::for_user().limit(20);
    let (forgotten, stranger) = (world.request(&query, 0)?, world.request(&query, USERS)?);
    let (answer, expected) = (model.recommend(&forgotten), model.recommend(&stranger));
    ensure(answer == expected, "a forgotten user is answered like an unknown one", &query, &answer)?;
    let (neighbour, before) = (world.request(&query, 1)?, twin.recommend(&world.request(&query, 1)?));
    let answer = model.recommend(&neighbour);
    // What only the forgotten user showed may be missing from it.
    let is_left = answer.is_empty() == before.is_empty();
    ensure(is_left, "forgetting a user leaves the others alone", &query, &answer)?;

    let mut model = learned();
    for (absorbed, user) in [(USERS, 2), (u32::from(u16::MAX), USERS)] {
        model.absorb(absorbed, user);
    }
    for query in &queries {
        let (answer, same) = (world.ask(&model, query)?, world.ask(&twin, query)?);
        ensure(answer == same, "absorbing an unknown user changes nothing", query, &answer)?;
    }
    model.absorb(0, 1);
    let (absorbed, stranger) = (world.request(&query, 0)?, world.request(&query, USERS)?);
    let (answer, expected) = (model.recommend(&absorbed), model.recommend(&stranger));
    ensure(answer == expected, "an absorbed user is answered like an unknown one", &query, &answer)?;

    survives(&new, &twin, &world, &queries)?;
    in_pieces(learned, &world, &queries)?;

    // What no sane host sends must not make answers insane.
    for interaction in world.extremes() {
        model.learn(&interaction);
        for query in &queries[..8] {
            world.ask(&model, query)?;
        }
    }
    Ok(())
}

/// Checks that a checkpoint is all of a model, and that nothing else is taken for one.
fn survives<R: Recommender>(
    new: impl Fn() -> R,
    model: &R,
    world: &World,
    queries: &[Query],
) -> Result<(), Violation> {
    let bytes = checkpoint(model);
    let fails = |rule, seen: String| Err(Violation { rule, seen });
    let mut restored = new();
    if let Err(error) = restored.restore(&bytes, &world.items) {
        return fails("a model restores what another one checkpointed", error.to_string());
    }
    if checkpoint(&restored) != bytes {
        return fails("a restored model has the checkpoint that it came from", format!("{restored:?}"));
    }
    let mut original = new();
    world.interactions.iter().for_each(|interaction| original.learn(interaction));
    for model in [&mut original, &mut restored] {
        world.interactions.iter().take(200).for_each(|interaction| {
            let later = interaction.at() + (world.now - world.interactions[0].at());
            model.learn(&Interaction::new(interaction.user(), interaction.item(), later));
        });
    }
    for query in queries {
        let (answer, same) = (world.ask(&restored, query)?, world.ask(&original, query)?);
        ensure(answer == same, "a restored model goes on like the one it came from", query, &answer)?;
    }

    let before = checkpoint(&restored);
    for bad in damaged(&bytes) {
        if restored.restore(&bad, &world.items).is_ok() {
            // Bytes of another state of the same model; it may not make answers insane.
            for query in &queries[..4] {
                world.ask(&restored, query)?;
            }
            if restored.restore(&before, &world.items).is_err() {
                return fails("a model restores its own checkpoint", format!("{} bytes", before.len()));
            }
        }
        if checkpoint(&restored) != before {
            return fails("a refused checkpoint changes nothing", format!("{} bytes", bad.len()));
        }
    }
    if restored.restore(&bytes, &Items::new()).is_ok() {
        return fails("a checkpoint about unknown items is refused", format!("{} bytes", bytes.len()));
    }

    let ours: Vec<ItemId> = world.items.iter().map(|(item, _)| item).collect();
    match restored.merge(&bytes, &ours) {
        Ok(()) | Err(Error::Unmergeable(_)) => {}
        Err(error) => {
            return fails("a model that can merge merges what another one learned", error.to_string());
        }
    }
    queries.iter().try_for_each(|query| world.ask(&restored, query).map(drop))
}

/// Checks that it makes no difference how the work of ticks is cut into pieces.
fn in_pieces<R: Recommender>(
    learned: impl Fn() -> R,
    world: &World,
    queries: &[Query],
) -> Result<(), Violation> {
    let mut models = [(learned(), usize::MAX), (learned(), 7)];
    for (model, budget) in &mut models {
        let turns = (0..100_000).find(|_| !model.tick(world.now, *budget));
        if turns.is_none() {
            let seen = format!("more to do after 100000 ticks of {budget} steps");
            return Err(Violation { rule: "the work of ticks comes to an end", seen });
        }
    }
    let [(whole, _), (pieces, _)] = &models;
    for query in queries {
        let (answer, same) = (world.ask(pieces, query)?, world.ask(whole, query)?);
        ensure(answer == same, "how the work of ticks is cut makes no difference", query, &answer)?;
    }
    Ok(())
}

fn checkpoint(model: &impl Recommender) -> Vec<u8> {
    let mut bytes = Vec::new();
    model.checkpoint(&mut bytes);
    bytes
}

fn ensure(
    holds: bool,
    rule: &'static str,
    query: &Query,
    answer: &[Recommendation],
) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { rule, seen: format!("{query:?} gave {answer:?}") }) }
}

/// The same small shop for everybody.
struct World {
    items: Items,
    interactions: Vec<Interaction<'static>>,
    now: Instant,
}

impl World {
    fn new() -> World {
        let mut items = Items::new();
        let start = Instant::from_millis(1_700_000_000_000);
        let (mut seed, mut now) = (1_u64, start);
        // A linear congruential generator (Knuth, MMIX): the suite may not depend on one that could change.
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (((seed >> 32) * u64::from(below)) >> 32) as u32
        };
        let places: [&[(&str, &str)]; 3] = [&[], &[("place", "gym")], &[("place", "home"), ("device", "tv")]];
        let mut interactions = Vec::new();
        for _ in 0..3_000 {
            // Some come in the same instant, some out of order, some a day later.
            let pause = [0, 0, 5, 5, 60, 60, 60, 86_400][random(8) as usize];
            now = now + Duration::seconds(if pause == 86_400 && random(20) > 0 { 5 } else { pause });
            let at = now - Duration::seconds(i64::from(random(8)));
            let number = random(ITEMS).min(random(ITEMS));
            // No error: the name is short and there are few.
            let Ok(item) = items.intern(&format!("item-{number}")) else { continue };
            let action = [Action::Viewed, Action::Liked, Action::Bought][random(3) as usize];
            let weight = [1.0, 1.0, 0.5, 5.0][random(4) as usize];
            let context = places[random(3) as usize];
            let interaction = Interaction::new(random(USERS), item, at).with_weight(weight);
            interactions.push(interaction.with_action(action).with_context(context));
        }
        World { items, interactions, now }
    }

    fn queries(&self) -> Vec<Query> {
        let bases = [
            Query::for_user(),
            Query::popular(),
            Query::popular().context("place", "gym"),
            Query::trending().context("place", "moon").context("colour", "red"),
            Query::similar_to("item-0"),
            Query::similar_to_all(["item-3", "item-1", "item-3", "never-seen"]),
            Query::session(["item-5", "item-2", "item-5", "item-9"]),
            Query::session(Vec::<String>::new()),
            Query::complementary_to(["item-1", "item-4"]),
            Query::again().seed(7),
            Query::trending(),
        ];
        let mut queries = Vec::new();
        for limit in [5, 0, 1, 20, LIMIT_MAX] {
            for repeat in [false, true] {
                for excluded in [0, 3, ITEMS] {
                    let excluded: Vec<String> = (0..excluded).map(|n| format!("item-{n}")).collect();
                    queries.extend(bases.iter().map(|query| {
                        query.clone().limit(limit).allow_repeat(repeat).excluding(excluded.clone())
                    }));
                }
            }
        }
        queries
    }

    fn extremes(&self) -> Vec<Interaction<'static>> {
        let item = self.interactions[0].item();
        let mut extremes = Vec::new();
        for at in [self.now, Instant::MIN, self.now + Duration::days(4_000), Instant::MAX, self.now] {
            let weights =
                [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, 0.0, -1.0, f32::MIN_POSITIVE, f32::MAX];
            for weight in weights {
                extremes.push(Interaction::new(2, item, at).with_weight(weight));
                let other = self.interactions[extremes.len()].item();
                extremes.push(Interaction::new(2, other, at));
            }
        }
        extremes
    }

    fn request<'q>(&self, query: &'q Query, user: u32) -> Result<Request<'q>, Violation> {
        query.resolve(&self.items, Some(user), self.now).map_err(|error| Violation {
            rule: "the suite asks what may be asked",
            seen: format!("{query:?} gave {error}"),
        })
    }

    /// An answer that was looked over.
    fn ask(&self, model: &impl Recommender, query: &Query) -> Result<Vec<Recommendation>, Violation> {
        let request = self.request(query, 7)?;
        let answer = model.recommend(&request);
        let scores = || answer.iter().map(|r| r.score);
        let mut items: Vec<_> = answer.iter().map(|r| r.item).collect();
        items.sort_unstable();
        let repeats = items.windows(2).any(|pair| pair[0] == pair[1]);

        ensure(answer.len() <= request.limit(), "an answer keeps its limit", query, &answer)?;
        ensure(!repeats, "no item comes twice", query, &answer)?;
        ensure(scores().all(|s| s.is_finite() && s >= 0.0), "scores are finite and ≥ 0", query, &answer)?;
        ensure(scores().is_sorted_by(|a, b| a >= b), "the best comes first", query, &answer)?;
        let admitted = items.iter().all(|item| request.admits(*item));
        ensure(admitted, "what the request does not admit is not recommended", query, &answer)?;
        let known = items.iter().all(|item| self.items.name(*item).is_some());
        ensure(known, "only items that were learned are recommended", query, &answer)?;
        let is_even = |item: ItemId| item.number().is_multiple_of(2);
        let filtered = model.recommend(&self.request(query, 7)?.with_filter(&is_even));
        let admitted = filtered.iter().all(|r| is_even(r.item));
        ensure(admitted, "what the request does not admit is not recommended", query, &filtered)?;
        Ok(answer)
    }
}

/// A checkpoint cut at many places, and with a byte changed at many others.
pub(super) fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..bytes.len()).step_by(bytes.len() / 50 + 1).map(|len| bytes[..len].to_vec());
    let flipped = (0..bytes.len()).step_by(bytes.len() / 100 + 1).map(|place| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 0x55;
        bytes
    });
    cut.chain(flipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stable_hash;
    use crate::recommend::{
        Als, Blend, BoughtTogether, CoVisitation, Ease, Popularity, Reason, SessionKnn, Trending,
    };

    #[test]
    fn ours_conform() {
        conformance(Trending::default).unwrap();
        conformance(|| Trending::params().context("place").k_min(2).check().unwrap()).unwrap();
        conformance(Popularity::default).unwrap();
        conformance(|| Popularity::params().context("place").check().unwrap()).unwrap();
        conformance(CoVisitation::default).unwrap();
        conformance(|| CoVisitation::params().neighbours(3).check().unwrap()).unwrap();
        conformance(|| CoVisitation::params().k_min(3).check().unwrap()).unwrap();
        conformance(SessionKnn::default).unwrap();
        conformance(|| SessionKnn::params().sessions(64).sessions_per_item(5).check().unwrap()).unwrap();
        conformance(|| SessionKnn::params().k_min(3).check().unwrap()).unwrap();
        conformance(|| BoughtTogether::params().pairs_min(1.0).check().unwrap()).unwrap();
        conformance(|| BoughtTogether::params().pairs_min(1.0).k_min(2).check().unwrap()).unwrap();
        conformance(Ease::default).unwrap();
        conformance(|| Ease::params().half_life(Duration::days(1)).items(20).k_min(3).check().unwrap())
            .unwrap();
        conformance(|| Als::params().factors(8).sweeps(2).check().unwrap()).unwrap();
        conformance(|| Als::params().factors(5).half_life(Duration::days(1)).k_min(3).check().unwrap())
            .unwrap();
        let both = || {
            let blend = Blend::builder().source(CoVisitation::default(), 1.0);
            blend.source(Popularity::default(), 0.1).learn_every(3).check().unwrap()
        };
        conformance(both).unwrap();
    }

    /// Journals are replayed on other machines and by later versions: these bytes may not move unnoticed.
    #[test]
    fn the_same_bytes_on_every_machine() {
        let world = World::new();
        let mut popularity = Popularity::params().context("place").check().unwrap();
        let mut together = CoVisitation::default();
        for interaction in &world.interactions {
            popularity.learn(interaction);
            together.learn(interaction);
        }
        let hash = |bytes: Vec<u8>| stable_hash(&[&bytes]) as u64;
        assert_eq!(hash(serde_json::to_vec(&popularity).unwrap()), 0xf869_3146_cd26_3b24);
        assert_eq!(hash(serde_json::to_vec(&together).unwrap()), 0xdb3a6d3904a9576d);
    }

    /// Recommends its first items, with one fault.
    #[derive(Debug)]
    struct Faulty(&'static str, Vec<ItemId>);

    impl Recommender for Faulty {
        fn name(&self) -> &str {
            "faulty"
        }

        fn learn(&mut self, interaction: &Interaction<'_>) {
            if !self.1.contains(&interaction.item()) {
                self.1.push(interaction.item());
            }
        }

        fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
            let admits = |item: &&ItemId| self.0 == "excluded" || request.admits(**item);
            let mut items: Vec<ItemId> = self.1.iter().filter(admits).copied().collect();
            if self.0 == "twice" {
                items.extend(items.first().copied());
            }
            items.truncate(request.limit() + usize::from(self.0 == "limit"));
            let score = |place: usize| match self.0 {
                "nan" => f64::NAN,
                "order" => place as f64,
                _ => 1.0,
            };
            let scored = items.iter().enumerate();
            scored.map(|(place, item)| Recommendation::new(*item, score(place), Reason::Popular)).collect()
        }

        fn forget(&mut self, user: u32) {
            match self.0 {
                "stranger" if user == USERS => self.1.clear(),
                "neighbour" if user == 0 => self.1.clear(),
                _ => {}
            }
        }

        fn absorb(&mut self, absorbed: u32, user: u32) {
            if self.0 == "absorber" {
                self.1.truncate((absorbed.min(user)) as usize);
            }
        }

        fn bytes(&self) -> usize {
            0
        }

        fn tick(&mut self, _now: Instant, budget: usize) -> bool {
            match self.0 {
                "tick" if budget < 100 => self.1.clear(),
                "endless" => return true,
                _ => {}
            }
            false
        }

        fn checkpoint(&self, out: &mut Vec<u8>) {
            let kept = if self.0 == "lost" { 1 } else { 0 };
            out.extend(self.1.iter().skip(kept).map(|item| item.number() as u8));
        }

        fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), Error> {
            let item = |number: &u8| items.at(u32::from(*number));
            let read: Option<Vec<ItemId>> = match self.0 {
                "unknown" => Some(bytes.iter().filter_map(item).collect()),
                _ => bytes.iter().map(item).collect(),
            };
            let mut sorted = read.clone().unwrap_or_default();
            sorted.sort_unstable();
            sorted.dedup();
            if self.0 == "half" {
                self.1.clear();
            }
            match read {
                Some(read) if sorted.len() == read.len() => self.1 = read,
                _ => return Err(Error::Checkpoint { model: "faulty".into(), found: "no item".into() }),
            }
            Ok(())
        }
    }

    #[test]
    fn faults_are_named() {
        for (fault, rule) in [
            ("limit", "an answer keeps its limit"),
            ("twice", "no item comes twice"),
            ("nan", "scores are finite and ≥ 0"),
            ("order", "the best comes first"),
            ("excluded", "what the request does not admit is not recommended"),
            ("stranger", "forgetting an unknown user changes nothing"),
            ("neighbour", "forgetting a user leaves the others alone"),
            ("absorber", "absorbing an unknown user changes nothing"),
            ("lost", "a restored model has the checkpoint that it came from"),
            ("half", "a refused checkpoint changes nothing"),
            ("unknown", "a checkpoint about unknown items is refused"),
            ("tick", "how the work of ticks is cut makes no difference"),
            ("endless", "the work of ticks comes to an end"),
        ] {
            let violation = conformance(|| Faulty(fault, Vec::new())).unwrap_err();
            assert_eq!(violation.rule(), rule);
        }
        conformance(|| Faulty("none", Vec::new())).unwrap();
    }
}
