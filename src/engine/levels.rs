//! How able users are and how difficult items: learned of attempts, and asked for.

use crate::engine::models::Models;
use crate::engine::{Engine, Error, Partition};
use crate::model::Instant;
use crate::predict::{Fit, Rating};
use crate::profile::UserKey;
use crate::recommend::{self, Effect, ItemId, Reason, Recommendation, Request};
use hashbrown::HashMap;

/// The difficulty of the easiest and of the hardest item that a host can name: of those who are as able as most one in eight
/// fails the one and does the other.
const HARDEST: f64 = 2.0;
/// How sure that is.
const DEVIATION: f64 = 0.5;
/// What an item is worth that nobody recommends, beside the best that somebody does.
const WORTH: f64 = 0.75;
/// How many items about as difficult as is wanted are looked at, whether they may be shown or not.
const NEAR: usize = 1_000;
/// Nobody has this number: there are never so many users.
const NOBODY: u32 = u32::MAX;

impl Models {
    /// Of what fits, and what else is about as difficult as fits the user, that with which the user succeeds at about such a
    /// chance comes first.
    ///
    /// # Errors
    /// Nothing is said to be an attempt.
    pub(super) fn at_chance(
        &self,
        answer: Vec<Recommendation>,
        target: f64,
        request: &Request<'_>,
    ) -> Result<Vec<Recommendation>, recommend::Error> {
        if !self.definition.has_attempts() {
            return Err(recommend::Error::NoAttempts);
        }
        let (user, now) = (request.user().unwrap_or(NOBODY), request.now());
        let most = answer.iter().map(|shown| shown.score).fold(f64::MIN_POSITIVE, f64::max);
        let worth = |score: f64| WORTH + (1.0 - WORTH) * score / most;
        let mut items: Vec<(u32, f64)> =
            answer.iter().map(|shown| (shown.item.number(), worth(shown.score))).collect();
        let mut known: HashMap<u32, Recommendation, ahash::RandomState> =
            answer.into_iter().map(|shown| (shown.item.number(), shown)).collect();
        let near = self.skills.near(user, target, now).take(NEAR);
        let near = near.filter(|item| !known.contains_key(item) && request.admits(ItemId::new(*item)));
        items.extend(near.take(request.limit()).map(|item| (item, WORTH)));

        let fits = self.skills.rank(user, &items, target, now);
        let least = fits.iter().filter(|fit| fit.is_in_reach).map(|fit| fit.score).fold(1.0, f64::min);
        let mut jumps = 0.0;
        let fitted = |Fit { item, score, chance, is_within_step, is_in_reach, .. }: Fit| {
            let rest = || Recommendation::new(ItemId::new(item), 0.0, Reason::Level);
            let mut shown = known.remove(&item).unwrap_or_else(rest);
            if !is_in_reach {
                jumps += 1.0;
            }
            // What is out of reach comes behind, in its order.
            shown.score = if is_in_reach { score } else { least / (1.0 + jumps) };
            shown.note(Effect::Level { chance, is_jump: !is_within_step });
            shown
        };
        Ok(fits.into_iter().map(fitted).collect())
    }

    /// Takes over what the catalogue says of how difficult an item is, in place of what is known.
    pub(super) fn set_level(&mut self, item: ItemId, level: f64) {
        let Some(grade) = &self.definition.difficulty else { return };
        let Some(share) = grade.share(&level.into()) else { return };
        // It is from -HARDEST to HARDEST, which can be told.
        let _ = self.skills.set_difficulty(item.number(), (2.0 * share - 1.0) * HARDEST, DEVIATION);
    }
}

impl Partition {
    /// What the catalogue says of how difficult an item is, where definitions name an attribute that does.
    pub(super) fn level(&self, item: ItemId) -> Option<f64> {
        let grade = self.models.definition.difficulty.as_ref()?;
        self.catalogue.number(item, &grade.property, &self.store.symbols)
    }

    /// Takes over what the catalogue says of items of which nothing is known yet.
    pub(super) fn set_levels(&mut self) {
        if self.models.definition.difficulty.is_none() {
            return;
        }
        let items: Vec<ItemId> = self.models.items().iter().map(|(item, _)| item).collect();
        for item in items {
            let level = self.level(item).filter(|_| !self.models.skills.knows(item.number()));
            level.into_iter().for_each(|level| self.models.set_level(item, level));
        }
    }

    /// How able a user is, as it is known now, where definitions say what is an attempt: an interaction with an `outcome`.
    /// Somebody of whom nothing is known is as able as all begin: 0, within 1.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Instant, Message};
    /// use bespoke::recommend::Query;
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [events.trained]
    ///     workout = "string"
    ///     share = "number"
    ///     [catalogue]
    ///     level = "number"
    ///     [recommend]
    ///     skill = { difficulty = { attribute = "level", from = 1, full = 10 } }
    ///     [recommend.interactions]
    ///     trained = { item = "workout", action = "finished", outcome = "share" }
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now = Instant::from_millis(0);
    /// for level in 1..=10 {
    ///     partition.ingest(&Message::item(format!("run-{level}")).with("level", level), now)?;
    /// }
    /// partition.ingest(&Message::track("ada", "trained").with("workout", "run-7").with("share", 0.9), now)?;
    /// assert!(partition.skill("ada", now).unwrap().mean > 0.0);
    /// let best = &partition.recommend("ada", &Query::for_user().at_chance(0.8), now)?[0];
    /// assert_eq!((&*best.item, &*best.reason), ("run-3", "right for your level"));
    /// assert_eq!(best.effects, ["you succeed with it 8 times in 10"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn skill(&self, user: &str, now: Instant) -> Option<Rating> {
        let number = self.store.find(user).map_or(NOBODY, |UserKey(number)| number);
        let is_asked = self.models.definition.has_attempts();
        is_asked.then(|| self.models.skills.skill(number, now.max(self.clock)))
    }

    /// How difficult an item is, as far as attempts and the catalogue say; none of an item that is not known, or where
    /// nothing is an attempt.
    #[must_use]
    pub fn difficulty(&self, item: &str) -> Option<Rating> {
        let item = self.models.items().get(item)?;
        let is_asked = self.models.definition.has_attempts();
        is_asked.then(|| self.models.skills.difficulty(item.number()))
    }
}

impl Engine {
    /// How able a user is. See [`Partition::skill`].
    ///
    /// # Errors
    /// A user who cannot be read.
    pub fn skill(&self, user: &str, now: Instant) -> Result<Option<Rating>, Error> {
        self.read_user(user, |partition| partition.skill(user, now))
    }

    /// How difficult an item is, as that of the partitions has learned which knows most of it. See
    /// [`Partition::difficulty`].
    #[must_use]
    pub fn difficulty(&self, item: &str) -> Option<Rating> {
        let known = self
            .shards()
            .numbered()
            .filter_map(|(_, shard)| shard.read(|partition| partition.difficulty(item)));
        known.reduce(|best, next| if next.variance < best.variance { next } else { best })
    }
}
