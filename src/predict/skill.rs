use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::predict::Error;
use crate::recommend::bandit::logistic::most_probable;
use hashbrown::HashMap;
use serde::Serialize;
use smallvec::SmallVec;

/// How many of the items that a user did last are remembered.
const RECENT_MAX: usize = 8;
/// No rating is taken to be more certain than this.
const VARIANCE_MIN: f64 = 1e-6;
const HALF_WIDTH_MIN: f64 = 0.01;

/// How able users are and how difficult items are: workouts, lessons, levels of a game.
///
/// Ability and difficulty are on one scale, in log-odds: a user succeeds with an item at a chance of
/// `1 / (1 + e^-(skill - difficulty))`, so that one unit above makes it 73 %, two 88 %. (An Elo rating has 174 points for
/// each.) Both are believed to be normally distributed; each outcome moves the two the more the less is known of them, and
/// both become more certain: Glicko's idea, here as the logistic update of a bandit with the features +1 and -1. An outcome
/// is from 0 to 1, so that half a workout counts as a half. Between outcomes what is known of a user fades, because users
/// train and rest.
///
/// [`rank`](Skills::rank) orders items by how near the chance of success is to the target, 0.8 unless set: what is
/// neither boring nor discouraging. From one session to the next difficulty goes at most a step up or down, and what a
/// user did lately comes later, for variety; for more of it, hand the list to
/// [`Rerank`](crate::recommend::Rerank).
///
/// All operations are O(1) but for ranking, which is O(items log items). Some 100 bytes a user and 40 an item.
///
/// References: Elo 1978; Glickman, "Parameter estimation in large dynamic paired comparison experiments", 1999.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::predict::Skills;
/// let mut skills = Skills::params().target(0.8).step(5.0).check()?;
/// let start: Instant = "2026-11-23T07:00:00Z".parse()?;
/// let (ada, stretching, marathon) = (1, 10, 11);
/// skills.set_difficulty(stretching, -1.5, 0.5)?;      // what a trainer says, and how sure that is
/// skills.set_difficulty(marathon, 3.0, 0.5)?;
/// for day in 0..5 {
///     let at = start + Duration::days(day);
///     skills.learn(ada, stretching, 1.0, at)?;
///     skills.learn(ada, marathon, 0.1, at)?;          // a tenth of the way
/// }
/// let now = start + Duration::days(5);
/// assert!(skills.chance(ada, stretching, now) > 0.6 && skills.chance(ada, marathon, now) < 0.4);
/// let best = skills.rank(ada, &[(stretching, 1.0), (marathon, 1.0)], now)[0];
/// assert_eq!(best.item, stretching);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Skills {
    params: SkillsParams,
    users: HashMap<u32, User, ahash::RandomState>,
    items: HashMap<u32, Rating, ahash::RandomState>,
}

/// How [`Skills`] learns and ranks; [`check`](SkillsParams::check) makes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkillsParams {
    target: f64,
    width: f64,
    step: f64,
    session: Duration,
    repeat: f64,
    drift: f64,
    spread: f64,
}

/// What is believed of a skill or a difficulty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rating {
    /// In log-odds; 0 is what all begin with.
    pub mean: f64,
    /// How uncertain that is: the square of the standard deviation.
    pub variance: f64,
}

/// An item for a user.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fit {
    /// Which item.
    pub item: u32,
    /// How well it fits: what was given, times how near the chance is to the target, less where it was done lately.
    pub score: f64,
    /// The chance of success, from 0 to 1; what is not known of user and item brings it nearer to a half.
    pub chance: f64,
    /// Whether it is at most a step away from the last session; those that are not come behind those that are.
    pub is_within_step: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct User {
    skill: Rating,
    /// When the last outcome was.
    at: Instant,
    /// The difficulty of the session before the present one.
    before: Option<f64>,
    /// The sum of difficulties in the present session, and how many.
    sum: f64,
    count: u32,
    /// What was done last, newest first.
    recent: SmallVec<[u32; RECENT_MAX]>,
}

impl Default for SkillsParams {
    fn default() -> SkillsParams {
        SkillsParams {
            target: 0.8,
            width: 0.1,
            step: 0.5,
            session: Duration::hours(4),
            repeat: 0.5,
            drift: 0.005,
            spread: 1.0,
        }
    }
}

impl SkillsParams {
    /// The chance of success that is aimed at: 0.8 unless set, from 0.05 to 0.95. At 0.75 to 0.85 users stay; 0.5 tells
    /// most of them.
    #[must_use]
    pub fn target(mut self, chance: f64) -> SkillsParams {
        self.target = chance;
        self
    }

    /// How far from the target is bad: at this distance a score is multiplied by 0.61, at twice by 0.14. 0.1 unless set,
    /// from 0.01 to 1.
    #[must_use]
    pub fn width(mut self, width: f64) -> SkillsParams {
        self.width = width;
        self
    }

    /// How far difficulty goes up or down from one session to the next: 0.5 unless set, from 0.01 to 100.
    #[must_use]
    pub fn step(mut self, step: f64) -> SkillsParams {
        self.step = step;
        self
    }

    /// After how long without an outcome another session begins: 4 hours unless set, from a minute to a year.
    #[must_use]
    pub fn session(mut self, pause: Duration) -> SkillsParams {
        self.session = pause;
        self
    }

    /// What the score of the item that a user did last is multiplied by; one done before it has half of that discount, and
    /// so on. 0.5 unless set, from 0 to 1, which repeats for ever what fits best.
    #[must_use]
    pub fn repeat(mut self, factor: f64) -> SkillsParams {
        self.repeat = factor;
        self
    }

    /// By how much the variance of a skill grows in a day, up to where it began: 0.005 unless set, from 0 to 1.
    #[must_use]
    pub fn drift(mut self, variance: f64) -> SkillsParams {
        self.drift = variance;
        self
    }

    /// The standard deviation of skills and of difficulties of which nothing is known: 1 unless set, from 0.1 to 10.
    #[must_use]
    pub fn spread(mut self, deviation: f64) -> SkillsParams {
        self.spread = deviation;
        self
    }

    /// A model that knows nothing yet.
    ///
    /// # Errors
    /// A parameter that is out of its range.
    pub fn check(self) -> Result<Skills, Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        for (name, found, range, wanted) in [
            ("target", self.target, 0.05..=0.95, "a chance from 0.05 to 0.95"),
            ("width", self.width, HALF_WIDTH_MIN..=1.0, "from 0.01 to 1"),
            ("step", self.step, 0.01..=100.0, "from 0.01 to 100"),
            ("repeat", self.repeat, 0.0..=1.0, "a factor from 0 to 1"),
            ("drift", self.drift, 0.0..=1.0, "from 0 to 1"),
            ("spread", self.spread, 0.1..=10.0, "from 0.1 to 10"),
        ] {
            if !range.contains(&found) {
                return refused(name, found.to_string(), wanted);
            }
        }
        if !(Duration::minutes(1)..=Duration::days(366)).contains(&self.session) {
            return refused("session", self.session.to_string(), "from `1m` to `366d`");
        }
        Ok(Skills { params: self, users: HashMap::default(), items: HashMap::default() })
    }

    fn unknown(&self) -> Rating {
        Rating { mean: 0.0, variance: self.spread * self.spread }
    }
}

impl Rating {
    /// A chance, of which the difference of two ratings says more or less (MacKay, "The evidence framework applied to
    /// classification networks", 1992).
    fn chance_against(self, difficulty: Rating) -> f64 {
        let variance = self.variance + difficulty.variance;
        let score = (self.mean - difficulty.mean) / (1.0 + variance * (std::f64::consts::PI / 8.0)).sqrt();
        1.0 / (1.0 + libm::exp(-score))
    }
}

impl Skills {
    /// The parameters of a model, to be set and checked.
    #[must_use]
    pub fn params() -> SkillsParams {
        SkillsParams::default()
    }

    /// Says how difficult an item is before anybody has tried it, with a standard deviation; in place of what is known.
    ///
    /// # Errors
    /// [`Error::Rating`] for a difficulty beyond -10 to 10 or a deviation beyond 0.01 to 10.
    pub fn set_difficulty(&mut self, item: u32, mean: f64, deviation: f64) -> Result<(), Error> {
        for (found, range) in [(mean, -10.0..=10.0), (deviation, 0.01..=10.0)] {
            if !range.contains(&found) {
                return Err(Error::Rating(found));
            }
        }
        self.items.insert(item, Rating { mean, variance: deviation * deviation });
        Ok(())
    }

    /// Learns how far a user came with an item: from 0, failed or given up, to 1, done.
    ///
    /// # Errors
    /// [`Error::Outcome`] for one that is out of range or no number. Nothing is learned then.
    pub fn learn(&mut self, user: u32, item: u32, outcome: f64, at: Instant) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&outcome) {
            return Err(Error::Outcome(outcome));
        }
        let params = self.params;
        let skill = self.skill(user, at);
        let row = self.users.entry(user).or_insert_with(|| User::new(skill, at));
        let difficulty = self.items.entry(item).or_insert(params.unknown());
        if at - row.at > params.session {
            row.end_session();
        }
        row.sum += difficulty.mean;
        row.count = row.count.saturating_add(1);
        row.at = row.at.max(at);
        row.recent.retain(|known| *known != item);
        row.recent.truncate(RECENT_MAX - 1);
        row.recent.insert(0, item);

        let variance = skill.variance + difficulty.variance;
        let (surprise, information) = most_probable(skill.mean - difficulty.mean, variance, outcome);
        let learned = |before: Rating, direction: f64| {
            // S -= n (Sx)(Sx)' / (1 + n x'Sx) where x is 1 for the one and -1 for the other; what they have in common
            // from now on is dropped. Written so that it cannot become 0.
            let others = 1.0 + information * (variance - before.variance);
            let left = before.variance * (others / (1.0 + information * variance));
            Rating {
                mean: before.mean + direction * surprise * before.variance,
                variance: left.max(VARIANCE_MIN),
            }
        };
        row.skill = learned(skill, 1.0);
        *difficulty = learned(*difficulty, -1.0);
        Ok(())
    }

    /// How able a user is, as it is known now.
    #[must_use]
    pub fn skill(&self, user: u32, now: Instant) -> Rating {
        let unknown = self.params.unknown();
        let Some(User { skill, at, .. }) = self.users.get(&user) else { return unknown };
        let days = (now - *at).as_millis().max(0) as f64 / Duration::days(1).as_millis() as f64;
        let variance = (skill.variance + days * self.params.drift).min(unknown.variance.max(skill.variance));
        Rating { variance, ..*skill }
    }

    /// How difficult an item is.
    #[must_use]
    pub fn difficulty(&self, item: u32) -> Rating {
        self.items.get(&item).copied().unwrap_or(self.params.unknown())
    }

    /// How probable it is that a user succeeds with an item now: from 0 to 1.
    #[must_use]
    pub fn chance(&self, user: u32, item: u32, now: Instant) -> f64 {
        self.skill(user, now).chance_against(self.difficulty(item))
    }

    /// Items with what they are worth otherwise (the score of a recommender, or 1), by how well they fit the user now: best
    /// first, those at most a step from the last session before the others. A worth that is below 0 or no number counts as
    /// 0. Of equal ones the one that was given first.
    #[must_use]
    pub fn rank(&self, user: u32, items: &[(u32, f64)], now: Instant) -> Vec<Fit> {
        let SkillsParams { target, width, step, session, repeat, .. } = self.params;
        let (skill, row) = (self.skill(user, now), self.users.get(&user));
        let before = row.and_then(|row| row.session_before(now, session));
        let fit = |&(item, worth): &(u32, f64)| {
            let difficulty = self.difficulty(item);
            let chance = skill.chance_against(difficulty);
            let off = (chance - target) / width;
            let ago = row.and_then(|row| row.recent.iter().position(|recent| *recent == item));
            let variety = ago.map_or(1.0, |ago| 1.0 - (1.0 - repeat) * libm::exp2(-(ago as f64)));
            let worth = if worth > 0.0 { worth.min(f64::MAX) } else { 0.0 };
            let is_within_step = before.is_none_or(|before| (difficulty.mean - before).abs() <= step);
            Fit { item, score: worth * libm::exp(-0.5 * off * off) * variety, chance, is_within_step }
        };
        let mut fits: Vec<Fit> = items.iter().map(fit).collect();
        let away = |fit: &Fit| before.map_or(0.0, |before| (self.difficulty(fit.item).mean - before).abs());
        fits.sort_by(|a, b| {
            let within = b.is_within_step.cmp(&a.is_within_step);
            // Where nothing is within the step, the nearest is least of a jump.
            let nearer = if a.is_within_step {
                a.score.total_cmp(&b.score).reverse()
            } else {
                away(a).total_cmp(&away(b))
            };
            within.then(nearer)
        });
        fits
    }

    /// Drops what is known of a user. What the outcomes said of items stays, and has lost its user.
    pub fn forget(&mut self, user: u32) {
        self.users.remove(&user);
    }

    /// Writes what was learned; parameters are not in it.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        let mut items: Vec<_> = self.items.iter().map(|(item, rating)| (*item, *rating)).collect();
        items.sort_unstable_by_key(|(item, _)| *item);
        items.write(out);
        let mut users: Vec<_> = self.users.iter().collect();
        users.sort_unstable_by_key(|(user, _)| **user);
        users.len().write(out);
        for (user, row) in users {
            user.write(out);
            row.write(out);
        }
    }

    /// Goes on with what one with the same parameters had learned.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for bytes that were not written so. Nothing is changed then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        *self = self.read(&mut Bytes::new(bytes)).map_err(|found| Error::Checkpoint(found.to_string()))?;
        Ok(())
    }

    fn read(&self, from: &mut Bytes<'_>) -> Result<Skills, Malformed> {
        let mut read = Skills { params: self.params, users: HashMap::default(), items: HashMap::default() };
        let items: Vec<(u32, Rating)> =
            from.valid("items in order", |items: &Vec<(u32, Rating)>| items.is_sorted_by(|a, b| a.0 < b.0))?;
        read.items.extend(items);
        let mut last = None;
        for _ in 0..from.len("users")? {
            let user =
                from.valid("the number of a user", |user: &u32| last.is_none_or(|last| last < *user))?;
            read.users.insert(user, from.read()?);
            last = Some(user);
        }
        from.end()?;
        Ok(read)
    }

    /// Bytes on the heap, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.users.allocation_size() + self.items.allocation_size()
    }
}

impl User {
    fn new(skill: Rating, at: Instant) -> User {
        User { skill, at, before: None, sum: 0.0, count: 0, recent: SmallVec::new() }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }

    fn end_session(&mut self) {
        self.before = self.mean().or(self.before);
        (self.sum, self.count) = (0.0, 0);
    }

    /// The difficulty of the last session that is over.
    fn session_before(&self, now: Instant, pause: Duration) -> Option<f64> {
        if now - self.at > pause { self.mean().or(self.before) } else { self.before }
    }
}

impl Record for Rating {
    fn write(&self, out: &mut Vec<u8>) {
        (self.mean, self.variance).write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Rating, Malformed> {
        let mean = from.valid("a rating", |mean: &f64| mean.is_finite())?;
        let variance = from.valid("the variance of a rating", |v: &f64| (VARIANCE_MIN..=1e3).contains(v))?;
        Ok(Rating { mean, variance })
    }
}

impl Record for User {
    fn write(&self, out: &mut Vec<u8>) {
        let User { skill, at, before, sum, count, recent } = self;
        (*skill, *at, *before).write(out);
        (*sum, *count).write(out);
        recent.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<User, Malformed> {
        let (skill, at, before): (Rating, Instant, Option<f64>) = from.read()?;
        let sum = from.valid("a sum of difficulties", |sum: &f64| sum.is_finite())?;
        let count = from.read()?;
        let recent = from.valid("what a user did", |recent: &SmallVec<[u32; RECENT_MAX]>| {
            recent.len() <= RECENT_MAX && (1..recent.len()).all(|n| !recent[..n].contains(&recent[n]))
        })?;
        if before.is_some_and(|before| !before.is_finite()) {
            return Err(from.malformed("the difficulty of a session"));
        }
        Ok(User { skill, at, before, sum, count, recent })
    }
}

#[cfg(test)]
#[path = "skill_test.rs"]
mod tests;
