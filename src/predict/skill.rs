use crate::model::{Bytes, Duration, Instant, Malformed, Pieces, Record};
use crate::predict::Error;
use crate::predict::difficulties::Difficulties;
use crate::predict::user_skill::UserSkill;
use crate::recommend::bandit::logistic::most_probable;
use hashbrown::HashMap;
use serde::Serialize;
use std::ops::RangeInclusive;

/// No rating is taken to be more certain than this.
pub(super) const VARIANCE_MIN: f64 = 1e-6;
const HALF_WIDTH_MIN: f64 = 0.01;
/// At which chance of success items are asked for: what is nearer to 0 or 1 cannot be told.
const TARGETS: RangeInclusive<f64> = 0.05..=0.95;

/// How able users are and how difficult items are: workouts, lessons, levels of a game.
///
/// Ability and difficulty are on one scale, in log-odds: a user succeeds with an item at a chance of
/// `1 / (1 + e^-(skill - difficulty))`, so that one unit above makes it 73 %, two 88 %. (An Elo rating has 174 points for
/// each.) Both are believed to be normally distributed; each outcome moves the two the more the less is known of them, and
/// both become more certain: Glicko's idea, here as the logistic update of a bandit with the features +1 and -1. An outcome
/// is from 0 to 1, so that half a workout counts as a half. Between outcomes what is known of a user fades, because users
/// train and rest.
///
/// [`rank`](Skills::rank) orders items by how near the chance of success is to a target, such as 0.8: what is neither boring
/// nor discouraging. At 0.75 to 0.85 users stay; 0.5 tells most of them. From one session to the next difficulty goes at most
/// a step up or down, but further down where a session was tried and failed; and what a user did lately comes later, for
/// variety. For more of it, hand the list to [`Rerank`](crate::recommend::Rerank).
///
/// Learning is O(log items), ranking O(items log items) of those that are given; [`near`](Skills::near) finds some to give
/// among all. Some 100 bytes a user and 60 an item.
///
/// References: Elo 1978; Glickman, "Parameter estimation in large dynamic paired comparison experiments", 1999.
///
/// ```
/// use bespoke::model::{Duration, Instant};
/// use bespoke::predict::Skills;
/// let mut skills = Skills::params().step(5.0).check()?;
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
/// let best = skills.rank(ada, &[(stretching, 1.0), (marathon, 1.0)], 0.8, now)[0];
/// assert_eq!(best.item, stretching);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Skills {
    params: SkillsParams,
    users: HashMap<u32, Box<UserSkill>, ahash::RandomState>,
    items: Difficulties,
}

/// How [`Skills`] learns and ranks; [`check`](SkillsParams::check) makes one.
///
/// ```
/// use bespoke::{model::Instant, predict::Skills};
/// let now: Instant = "2026-11-23T07:00:00Z".parse()?;
/// let (easy, easier) = (10, 11);
/// // Ada has just done what fits her best. Without a discount it comes first again.
/// for (repeat, next) in [(1.0, easy), (0.2, easier)] {
///     let mut skills = Skills::params().repeat(repeat).check()?;
///     skills.set_difficulty(easy, -1.5, 0.1)?;
///     skills.set_difficulty(easier, -1.9, 0.1)?;
///     skills.learn(1, easy, 1.0, now)?;
///     assert_eq!(skills.rank(1, &[(easy, 1.0), (easier, 1.0)], 0.8, now)[0].item, next);
/// }
/// let error = Skills::params().step(0.0).check().unwrap_err();
/// assert_eq!(error.to_string(), "`step` cannot be 0; it is from 0.01 to 100");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkillsParams {
    width: f64,
    step: f64,
    session: Duration,
    repeat: f64,
    drift: f64,
    spread: f64,
}

/// What is believed of a skill or a difficulty.
///
/// ```
/// use bespoke::{model::{Duration, Instant}, predict::Skills};
/// let mut skills = Skills::params().check()?;
/// let now: Instant = "2026-11-23T07:00:00Z".parse()?;
/// let begin = skills.skill(1, now);
/// assert_eq!((begin.mean, begin.variance), (0.0, 1.0));
/// for item in 0..10 {
///     skills.learn(1, item, 1.0, now)?;
/// }
/// let (trained, later) = (skills.skill(1, now), skills.skill(1, now + Duration::days(60)));
/// assert!(trained.mean > begin.mean && trained.variance < begin.variance);
/// // Two months without an attempt: what is believed is the same, and less certain.
/// assert!(later.mean == trained.mean && later.variance > trained.variance);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rating {
    /// In log-odds; 0 is what all begin with.
    pub mean: f64,
    /// How uncertain that is: the square of the standard deviation.
    pub variance: f64,
}

/// An item for a user.
///
/// ```
/// use bespoke::{model::{Duration, Instant}, predict::Skills};
/// let mut skills = Skills::params().step(0.5).check()?;
/// let (walk, jog, race) = (10, 11, 12);
/// for (item, difficulty) in [(walk, -1.5), (jog, -1.2), (race, 0.0)] {
///     skills.set_difficulty(item, difficulty, 0.1)?;
/// }
/// let now: Instant = "2026-11-23T07:00:00Z".parse()?;
/// skills.learn(1, walk, 1.0, now)?;
/// // At the next session the race is worth most and nearest to the chance that is aimed at, but too big a step.
/// let fits = skills.rank(1, &[(jog, 1.0), (race, 9.0)], 0.5, now + Duration::days(1));
/// assert_eq!((fits[0].item, fits[0].is_within_step), (jog, true));
/// assert!(!fits[1].is_within_step && fits[1].score > fits[0].score && fits[1].chance < fits[0].chance);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fit {
    /// Which item.
    pub item: u32,
    /// How well it fits: what was given, times how near the chance is to the target, less where it was done lately.
    pub score: f64,
    /// The chance of success, from 0 to 1; what is not known of user and item brings it nearer to a half.
    pub chance: f64,
    /// Whether it is at most a step away from the last session.
    pub is_within_step: bool,
    /// Whether it may come next: within a step, or easier where all of that is too hard. Those that are not come behind those
    /// that are.
    pub is_in_reach: bool,
}

impl Default for SkillsParams {
    fn default() -> SkillsParams {
        SkillsParams {
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
    /// How far from the target is bad: at this distance a score is multiplied by 0.61, at twice by 0.14. 0.1 unless set,
    /// from 0.01 to 1.
    #[must_use]
    pub fn width(mut self, width: f64) -> SkillsParams {
        self.width = width;
        self
    }

    /// How far difficulty goes up or down from one session to the next: 0.5 unless set, from 0.01 to 100. It goes down
    /// further where the chance is below the target by more than twice the [`width`](SkillsParams::width) within that.
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
        Ok(Skills { params: self, users: HashMap::default(), items: Difficulties::default() })
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
        let score = (self.mean - difficulty.mean) / blur(variance);
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
        self.items.set(item, Rating { mean, variance: deviation * deviation });
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
        let difficulty = self.difficulty(item);
        let row = self.users.entry(user).or_insert_with(|| Box::new(UserSkill::new(skill, at)));
        row.attempt(item, difficulty.mean, at, params.session);

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
        self.items.set(item, learned(difficulty, -1.0));
        Ok(())
    }

    /// How able a user is, as it is known now.
    #[must_use]
    pub fn skill(&self, user: u32, now: Instant) -> Rating {
        let unknown = self.params.unknown();
        let Some(UserSkill { skill, at, .. }) = self.users.get(&user).map(|row| &**row) else {
            return unknown;
        };
        let days = (now - *at).as_millis().max(0) as f64 / Duration::days(1).as_millis() as f64;
        let variance = (skill.variance + days * self.params.drift).min(unknown.variance.max(skill.variance));
        Rating { variance, ..*skill }
    }

    /// How difficult an item is.
    #[must_use]
    pub fn difficulty(&self, item: u32) -> Rating {
        self.items.get(item).unwrap_or(self.params.unknown())
    }

    /// How probable it is that a user succeeds with an item now: from 0 to 1.
    #[must_use]
    pub fn chance(&self, user: u32, item: u32, now: Instant) -> f64 {
        self.skill(user, now).chance_against(self.difficulty(item))
    }

    /// Whether anything is known of an item, or was said of it.
    #[must_use]
    pub fn knows(&self, item: u32) -> bool {
        self.items.get(item).is_some()
    }

    /// All items of which anything is known, from those about as difficult as fits the user now outwards, without looking at
    /// all of them: to be filtered, and [ranked](Skills::rank) then.
    ///
    /// ```
    /// use bespoke::model::Instant;
    /// use bespoke::predict::Skills;
    /// let mut skills = Skills::params().check()?;
    /// for level in 0..9 {
    ///     skills.set_difficulty(level, f64::from(level) - 4.0, 0.1)?;
    /// }
    /// let now = Instant::from_millis(0);
    /// let even: Vec<u32> = skills.near(1, 0.5, now).take(3).collect();
    /// assert_eq!(even, [4, 3, 5]); // of somebody of whom nothing is known
    /// # Ok::<(), bespoke::predict::Error>(())
    /// ```
    pub fn near(&self, user: u32, target: f64, now: Instant) -> impl Iterator<Item = u32> + '_ {
        let target = targeted(target);
        let skill = self.skill(user, now);
        let odds = libm::log(target / (1.0 - target));
        let fits = skill.mean - odds * blur(skill.variance);
        let reach = self.reach(user, target, now);
        self.items.near(reach.map_or(fits, |reach| fits.clamp(*reach.start(), *reach.end())))
    }

    /// How difficult the next session may be: a step from the last one, or easier than that where all of it is too hard, because
    /// the last one was tried and failed.
    fn reach(&self, user: u32, target: f64, now: Instant) -> Option<RangeInclusive<f64>> {
        let SkillsParams { width, step, .. } = self.params;
        let before = self.session_before(user, now)?;
        let easiest = Rating { mean: before - step, variance: 0.0 };
        let is_too_hard = self.skill(user, now).chance_against(easiest) < target - 2.0 * width;
        Some(if is_too_hard { f64::NEG_INFINITY } else { easiest.mean }..=before + step)
    }

    fn session_before(&self, user: u32, now: Instant) -> Option<f64> {
        self.users.get(&user).and_then(|row| row.session_before(now, self.params.session))
    }

    /// Items with what they are worth otherwise (the score of a recommender, or 1), by how well they fit the user now, where
    /// a chance of success is aimed at: best first, those at most a step from the last session before the others, and also
    /// those that are easier where the chance is far below the target within that step. A worth
    /// that is below 0 or no number counts as 0, and a target below 0.05 or above 0.95 as that. Of equal ones the one that
    /// was given first.
    #[must_use]
    pub fn rank(&self, user: u32, items: &[(u32, f64)], target: f64, now: Instant) -> Vec<Fit> {
        let SkillsParams { width, step, repeat, .. } = self.params;
        let target = targeted(target);
        let (skill, row) = (self.skill(user, now), self.users.get(&user));
        let (before, reach) = (self.session_before(user, now), self.reach(user, target, now));
        let fit = |&(item, worth): &(u32, f64)| {
            let difficulty = self.difficulty(item);
            let chance = skill.chance_against(difficulty);
            let off = (chance - target) / width;
            let ago = row.and_then(|row| row.recent.iter().position(|recent| *recent == item));
            let variety = ago.map_or(1.0, |ago| 1.0 - (1.0 - repeat) * libm::exp2(-(ago as f64)));
            let worth = if worth > 0.0 { worth.min(f64::MAX) } else { 0.0 };
            let is_within_step = before.is_none_or(|before| (difficulty.mean - before).abs() <= step);
            let is_in_reach = reach.as_ref().is_none_or(|reach| reach.contains(&difficulty.mean));
            let score = worth * libm::exp(-0.5 * off * off) * variety;
            Fit { item, score, chance, is_within_step, is_in_reach }
        };
        let mut fits: Vec<Fit> = items.iter().map(fit).collect();
        let away = |fit: &Fit| before.map_or(0.0, |before| (self.difficulty(fit.item).mean - before).abs());
        fits.sort_by(|a, b| {
            let within = b.is_in_reach.cmp(&a.is_in_reach);
            // Where nothing is in reach, the nearest is least of a jump.
            let nearer = if a.is_in_reach {
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

    /// Two users turned out to be one, `user`: what was learned of both is known of that one.
    pub fn absorb(&mut self, absorbed: u32, user: u32) {
        let Some(theirs) = self.users.remove(&absorbed) else { return };
        if let Some(own) = self.users.get_mut(&user) {
            own.absorb(*theirs, self.params.spread * self.params.spread);
        } else {
            self.users.insert(user, theirs);
        }
    }

    /// Goes on under other parameters with what was learned.
    ///
    /// # Errors
    /// A parameter that is out of its range.
    pub fn set_params(&mut self, params: SkillsParams) -> Result<(), Error> {
        self.params = params.check()?.params;
        Ok(())
    }

    /// Writes what was learned; parameters are not in it.
    pub fn checkpoint(&self, out: &mut Vec<u8>) {
        Pieces::all(|pieces| self.items.write_later(pieces), out);
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
        let items = Difficulties::read(from)?;
        let mut read = Skills { params: self.params, users: HashMap::default(), items };
        let mut last = None;
        for _ in 0..from.len("users")? {
            let user =
                from.valid("the number of a user", |user: &u32| last.is_none_or(|last| last < *user))?;
            read.users.insert(user, Box::new(from.read()?));
            last = Some(user);
        }
        from.end()?;
        Ok(read)
    }

    /// What is to be written of what is known of items alone.
    pub(crate) fn write_items_later(&self, pieces: &mut Pieces) {
        self.items.write_later(pieces);
    }

    /// Reads what was written of items, of which there are so many.
    pub(crate) fn read_items(&mut self, from: &mut Bytes<'_>, items: usize) -> Result<(), Malformed> {
        let read = Difficulties::read(from)?;
        if read.last().is_some_and(|last| last as usize >= items) {
            return Err(from.malformed("the difficulty of an item"));
        }
        self.items = read;
        Ok(())
    }

    /// What is known of a user.
    pub(crate) fn user(&self, user: u32) -> Option<&UserSkill> {
        self.users.get(&user).map(|row| &**row)
    }

    /// Takes out what is known of a user.
    pub(crate) fn take_user(&mut self, user: u32) -> Option<Box<UserSkill>> {
        self.users.remove(&user)
    }

    /// Puts in what was taken out, in place of what is there.
    pub(crate) fn put_user(&mut self, user: u32, row: Option<Box<UserSkill>>) {
        match row {
            Some(row) => drop(self.users.insert(user, row)),
            None => drop(self.users.remove(&user)),
        }
    }

    /// Bytes on the heap, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.users.allocation_size() + self.users.len() * size_of::<UserSkill>() + self.items.bytes()
    }
}

fn targeted(target: f64) -> f64 {
    if target.is_nan() { *TARGETS.end() } else { target.clamp(*TARGETS.start(), *TARGETS.end()) }
}

/// By how much less a difference tells of a chance the more uncertain it is.
fn blur(variance: f64) -> f64 {
    (1.0 + variance * (std::f64::consts::PI / 8.0)).sqrt()
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

#[cfg(test)]
#[path = "skill_test.rs"]
mod tests;
