use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::predict::curve::{ByHour, Curve, Decay, Kind, Rate};
use crate::predict::local_hour::HOURS;
use crate::predict::{Error, LocalHour, UserHours};
use hashbrown::HashMap;
use serde::Serialize;

/// Most groups of users that have a curve of their own.
pub const GROUPS_MAX: usize = 15;

const DAY: Duration = Duration::days(1);
const HALF_LIFE_MAX: Duration = Duration::days(36_500);

/// How likely an hour must be better than the one that would be taken without it.
const LIKELY: f64 = 0.8;

/// How many events in each hour weighs what was believed before: of everyone, of a group, of a user.
const BEFORE_EVERYONE: f64 = 4.0;
const BEFORE_GROUP: f64 = 8.0;
const BEFORE_USER: f64 = 4.0;

/// When users are most likely to answer a message: by user, by group and of everyone.
///
/// It learns from sessions, and from what became of messages. A rate of an hour is what happened in it against how often
/// it could have, so that the hours in which most was sent do not win by that; a session soon behind a message counts for
/// nothing, and neither does the hour in which it might have begun without one. Rates are smoothed over neighbouring
/// hours, round the clock, working days apart from weekends; those of a user are drawn to those of the group, and those
/// to everyone's, the more the less is known. What is old counts less: half after the half-life.
///
/// A user's own hour is chosen where it is better than the group's, everyone's or the fallback with a probability of more
/// than 0.8. A share of all choices stays random for ever, and each choice says how probable it was: the mean of
/// `answered / probability` over the choices of an hour is then what it would bring if it were always chosen, without bias.
///
/// ```
/// use bespoke::model::{Duration, Instant, Zone};
/// use bespoke::predict::{Evidence, LocalHour, SendTimes, Source};
///
/// let mut times = SendTimes::params().explore(0.05).check()?;
/// let hour_of = |at: Instant| LocalHour::of(Zone::UTC.civil(at));
/// let start: Instant = "2026-11-23T00:00:00Z".parse()?;
/// // For four weeks user 7 comes at seven in the morning, and opens none of what is sent in the evening.
/// for day in 0..28 {
///     let morning = start + Duration::hours(24 * day + 7);
///     times.learn(7, None, Evidence::Session, hour_of(morning), morning);
///     let evening = start + Duration::hours(24 * day + 20);
///     times.learn(7, None, Evidence::Exposed, hour_of(evening), evening);
/// }
/// let now = start + Duration::days(28);
/// let allowed = [20, 7, 12].map(|hour| LocalHour::new(hour, false).unwrap()); // in the order in which they come
/// // What is given before `now` stands for chance: hash the id of the message with a seed.
/// let choice = times.choose(7, None, &allowed, 0, u128::MAX, now).unwrap();
/// assert_eq!((choice.hour.hour(), choice.source), (7, Source::User));
/// assert!((choice.probability - (0.95 + 0.05 / 3.0)).abs() < 1e-9);
/// // Of user 8 nothing is known, and of everyone too little.
/// let choice = times.choose(8, None, &allowed, 0, u128::MAX, now).unwrap();
/// assert_eq!((choice.hour.hour(), choice.source), (20, Source::Fallback));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SendTimes {
    params: SendTimesParams,
    /// Everyone's curve, then those of the groups.
    curves: Vec<Curve>,
    users: HashMap<u32, Box<UserHours>, ahash::RandomState>,
}

/// How [`SendTimes`] learns and chooses; [`check`](SendTimesParams::check) makes one.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::predict::SendTimes;
/// assert!(SendTimes::params().half_life(Duration::days(90)).groups(3).check().is_ok());
/// let error = SendTimes::params().explore(1.5).check().unwrap_err();
/// assert_eq!(error.to_string(), "`explore` cannot be 1.5; it is a share from 0 to 1");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SendTimesParams {
    half_life: Duration,
    explore: f64,
    users_min: u64,
    groups: usize,
}

/// What a user did, in a local hour.
///
/// ```
/// use bespoke::predict::{Evidence, LocalHour, SendTimes};
/// # use bespoke::model::{Duration, Instant};
/// let mut times = SendTimes::params().check()?;
/// let [noon, evening] = [12, 20].map(|hour| LocalHour::new(hour, false).unwrap());
/// # let start: Instant = "2026-11-23T00:00:00Z".parse()?;
/// # let now = start + Duration::days(5);
/// // On five days user 7 opens the one message that comes at noon, and one of four that come in the evening.
/// for day in 0..5 {
///     for (hour, sent) in [(noon, 1), (evening, 4)] {
///         let at = start + Duration::hours(24 * day + i64::from(hour.hour()));
///         (0..sent).for_each(|_| times.learn(7, None, Evidence::Exposed, hour, at));
///         times.learn(7, None, Evidence::Opened, hour, at);
///     }
/// }
/// let rates = times.rates(Some(7), None, now);
/// let rate = |hour: LocalHour| rates.iter().find(|(of, _)| *of == hour).map(|(_, rate)| *rate);
/// assert!(rate(noon) > Some(1.0) && rate(evening) < Some(1.0)); // as many answers, and more that had none
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// A session began.
    Session,
    /// A message reached the user. The hour is the one in which it did.
    Exposed,
    /// The user clicked on a message. Hour and instant are those at which the message had reached the user.
    Clicked,
    /// The user opened a message; the same.
    Opened,
}

/// On whose rates a choice rests.
///
/// ```
/// use bespoke::predict::{Evidence, LocalHour, SendTimes, Source};
/// # use bespoke::model::{Duration, Instant};
/// let mut times = SendTimes::params().users_min(10).explore(0.05).check()?;
/// let allowed = [7, 20].map(|hour| LocalHour::new(hour, false).unwrap());
/// # let start: Instant = "2026-11-23T07:00:00Z".parse()?;
/// # let now = start + Duration::days(20);
/// let chosen = |times: &SendTimes, draw| times.choose(99, None, &allowed, 1, draw, now).map(|choice| choice.source);
/// assert_eq!(chosen(&times, u128::MAX), Some(Source::Fallback)); // the hour at place 1
/// for user in 0..10 {
///     for day in [0, 1, 2, 3, 4, 7, 8, 9, 10, 11] {
///         times.learn(user, None, Evidence::Session, allowed[0], start + Duration::days(day));
///     }
/// }
/// // Of user 99 nothing is known, but ten others come at seven.
/// assert_eq!(chosen(&times, u128::MAX), Some(Source::Everyone));
/// assert_eq!(chosen(&times, 0), Some(Source::Random)); // a twentieth of all draws
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Source {
    /// The user's own.
    User,
    /// The group's.
    Group,
    /// Everyone's.
    Everyone,
    /// Nobody's: too little is known.
    Fallback,
    /// Nobody's: it is one of the share that is left to chance.
    Random,
}

/// An hour that was chosen, and why.
///
/// ```
/// use bespoke::predict::{LocalHour, SendTimes};
/// # use bespoke::model::Instant;
/// let times = SendTimes::params().explore(0.2).check()?;
/// let allowed = [9, 12, 15, 18].map(|hour| LocalHour::new(hour, false).unwrap());
/// # let now: Instant = "2026-11-23T07:00:00Z".parse()?;
/// let (usual, random) = (u128::MAX, 2 << 126); // draws: of the 80 %, and of the 20 % that are left to chance
/// let choice = times.choose(7, None, &allowed, 0, usual, now).unwrap();
/// assert_eq!((choice.place, choice.hour), (0, allowed[0]));
/// assert!((choice.probability - (0.8 + 0.2 / 4.0)).abs() < 1e-9);
/// let choice = times.choose(7, None, &allowed, 0, random, now).unwrap();
/// assert_eq!((choice.place, choice.hour), (2, allowed[2]));
/// assert!((choice.probability - 0.05).abs() < 1e-9); // one answer at this hour counts for twenty
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// Its place among the hours that were allowed.
    pub place: usize,
    /// The hour.
    pub hour: LocalHour,
    /// On whose rates it rests.
    pub source: Source,
    /// How likely it is better than the hour that would have been taken without these rates, from 0.8 to 1; none where it
    /// rests on none.
    pub likelihood: Option<f64>,
    /// The probability with which this hour is chosen among those that were allowed, over all draws. Above 0.
    pub probability: f64,
}

impl Default for SendTimesParams {
    fn default() -> SendTimesParams {
        SendTimesParams { half_life: Duration::days(45), explore: 0.05, users_min: 10, groups: 0 }
    }
}

impl SendTimesParams {
    /// After how long what happened counts half: 45 days unless set, from a day on.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> SendTimesParams {
        self.half_life = half_life;
        self
    }

    /// The share of choices that is left to chance: 0.05 unless set.
    #[must_use]
    pub fn explore(mut self, share: f64) -> SendTimesParams {
        self.explore = share;
        self
    }

    /// How many users must stand behind a curve of everyone or of a group before anybody is served by it: 10 unless set.
    #[must_use]
    pub fn users_min(mut self, users: u64) -> SendTimesParams {
        self.users_min = users;
        self
    }

    /// How many groups of users have a curve of their own: none unless set, at most [`GROUPS_MAX`].
    #[must_use]
    pub fn groups(mut self, groups: usize) -> SendTimesParams {
        self.groups = groups;
        self
    }

    /// A model that knows nothing yet.
    ///
    /// # Errors
    /// A parameter that is out of its range.
    pub fn check(self) -> Result<SendTimes, Error> {
        let refused = |name, found: String, wanted| Err(Error::Parameter { name, found, wanted });
        if !(DAY..=HALF_LIFE_MAX).contains(&self.half_life) {
            return refused("half_life", self.half_life.to_string(), "from `1d` to `36500d`");
        }
        if !(0.0..=1.0).contains(&self.explore) {
            return refused("explore", self.explore.to_string(), "a share from 0 to 1");
        }
        if self.groups > GROUPS_MAX {
            return refused("groups", self.groups.to_string(), "at most 15");
        }
        let curves = vec![Curve::default(); self.groups + 1];
        Ok(SendTimes { params: self, curves, users: HashMap::default() })
    }
}

impl SendTimes {
    /// The parameters of a model, to be set and checked.
    #[must_use]
    pub fn params() -> SendTimesParams {
        SendTimesParams::default()
    }

    /// Learns what a user did at an instant, in a local hour; of a message, the instant and hour at which it reached the
    /// user. `group` is the number of the group that the user is in now. O(hours in which the user did something).
    ///
    /// A group that there is not is none.
    pub fn learn(&mut self, user: u32, group: Option<u8>, evidence: Evidence, hour: LocalHour, at: Instant) {
        let (day, decay) = (day_of(at), self.decay());
        let row = self.users.entry(user).or_insert_with(|| Box::new(UserHours::new(day)));
        let kind = match evidence {
            Evidence::Session if row.is_reaction(at) => return,
            Evidence::Session => Kind::Session,
            Evidence::Exposed => {
                row.note_exposure(at);
                Kind::Exposed
            }
            Evidence::Clicked => Kind::Clicked,
            Evidence::Opened => Kind::Opened,
        };
        let days = row.add(kind, hour, day, decay);
        let group = group.map(|group| usize::from(group) + 1).filter(|group| *group < self.curves.len());
        for number in [Some(0), group].into_iter().flatten() {
            let curve = &mut self.curves[number];
            let weight = curve.weight(day, decay);
            curve.add(kind, hour, weight);
            let worth = curve.weight(row.day(), decay);
            curve.add_days(days * worth);
            let bit = 1 << number;
            if row.counted & bit == 0 {
                row.counted |= bit;
                curve.users += 1;
            }
        }
    }

    /// The hour to choose among those that are `allowed`, which come in this order; nothing where there are none. Where
    /// nothing is known it is the one at the place `fallback`, or the last.
    ///
    /// `draw` stands for chance: a hash that is even over all its bits and is never drawn again, such as that of a seed and
    /// the message's id. Some microseconds.
    #[must_use]
    pub fn choose(
        &self,
        user: u32,
        group: Option<u8>,
        allowed: &[LocalHour],
        fallback: usize,
        draw: u128,
        now: Instant,
    ) -> Option<Choice> {
        let count = allowed.len();
        let mut place = fallback.min(count.checked_sub(1)?);
        let (mut source, mut likelihood) = (Source::Fallback, None);
        for (level, rates) in self.levels(Some(user), group, now) {
            let rate = |place: usize| rates[allowed[place].index()];
            // Of equal ones the first.
            let better =
                |best: usize, other: usize| if rate(other).mean() > rate(best).mean() { other } else { best };
            let best = (0..count).fold(0, better);
            let likely = rate(best).exceeds(rate(place));
            if allowed[best] != allowed[place] && likely > LIKELY {
                (place, source, likelihood) = (best, level, Some(likely));
            }
        }
        let by_chance = self.params.explore / count as f64;
        // Two halves of a hash are two draws.
        if unit(draw as u64) < self.params.explore {
            let drawn = (((draw >> 64) * count as u128) >> 64) as usize;
            let probability = by_chance + if drawn == place { 1.0 - self.params.explore } else { 0.0 };
            return Some(Choice {
                place: drawn,
                hour: allowed[drawn],
                source: Source::Random,
                likelihood: None,
                probability,
            });
        }
        let probability = by_chance + 1.0 - self.params.explore;
        Some(Choice { place, hour: allowed[place], source, likelihood, probability })
    }

    /// By local hour how much more a user answers than in an average one, as far as is known: 1 is average. Of everyone
    /// where no user is given.
    #[must_use]
    pub fn rates(&self, user: Option<u32>, group: Option<u8>, now: Instant) -> Vec<(LocalHour, f64)> {
        let levels = self.levels(user, group, now);
        let finest = levels.last().map_or([Rate::UNKNOWN; HOURS], |(_, rates)| *rates);
        LocalHour::all().zip(finest).map(|(hour, rate)| (hour, rate.mean())).collect()
    }

    /// The rates of everyone, of the group and of the user, as far as there are some; each drawn to the one before.
    fn levels(&self, user: Option<u32>, group: Option<u8>, now: Instant) -> Vec<(Source, [Rate; HOURS])> {
        let mut levels = Vec::with_capacity(3);
        let mut before: ByHour = [1.0; HOURS];
        let group = group.and_then(|group| self.curves.get(usize::from(group) + 1));
        let curves =
            [(Source::Everyone, self.curves.first(), BEFORE_EVERYONE), (Source::Group, group, BEFORE_GROUP)];
        for (source, curve, weight) in curves {
            if let Some(curve) = curve.filter(|curve| curve.users >= self.params.users_min) {
                let rates = curve.observed().rates(&before, weight);
                before = rates.map(Rate::mean);
                levels.push((source, rates));
            }
        }
        if let Some(row) = user.and_then(|user| self.users.get(&user)) {
            let observed = row.observed(day_of(now), self.decay());
            levels.push((Source::User, observed.rates(&before, BEFORE_USER)));
        }
        levels
    }

    /// Drops what is known of a user, and takes it back from everyone's curve as far as it is still known. What is left in
    /// it has lost its user; the curves of groups keep what they have counted, because in which group the user was when
    /// is not kept.
    pub fn forget(&mut self, user: u32) {
        let Some(row) = self.users.remove(&user) else { return };
        let decay = self.decay();
        if let Some(everyone) = self.curves.first_mut() {
            let worth = everyone.weight(row.day(), decay);
            for (kind, hour, count) in row.cells() {
                everyone.add(kind, hour, -count * worth);
            }
            everyone.add_days(-row.days(decay) * worth);
        }
        for (number, curve) in self.curves.iter_mut().enumerate() {
            curve.users -= u64::from(row.counted >> number & 1).min(curve.users);
        }
    }

    /// Whether anything is known of a user.
    #[must_use]
    pub fn knows(&self, user: u32) -> bool {
        self.users.contains_key(&user)
    }

    /// How many users stand behind everyone's curve.
    #[must_use]
    pub fn user_count(&self) -> u64 {
        self.curves.first().map_or(0, |everyone| everyone.users)
    }

    fn decay(&self) -> Decay {
        Decay { halvings: DAY.as_millis() as f64 / self.params.half_life.as_millis() as f64 }
    }

    /// Writes what is about no user.
    pub(crate) fn write_state(&self, out: &mut Vec<u8>) {
        self.curves.len().write(out);
        self.curves.iter().for_each(|curve| curve.write(out));
    }

    /// Reads it under the same parameters; users come after.
    pub(crate) fn read_state(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let count = self.curves.len();
        from.valid("curves of send times", |len: &usize| *len == count)?;
        self.curves = (0..count).map(|_| Curve::read(from)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Goes on under the parameters of another model. The groups' curves begin anew where `same_groups` does not hold.
    pub(crate) fn redefine(&mut self, other: SendTimes, same_groups: bool) {
        self.params = other.params;
        if !same_groups {
            self.curves.truncate(1);
            self.curves.resize_with(other.curves.len(), Curve::default);
            self.users.values_mut().for_each(|row| row.counted &= 1);
        }
    }

    /// What is known of an absorbed user is the other's from now on.
    pub(crate) fn absorb(&mut self, absorbed: u32, into: u32) {
        let Some(theirs) = self.users.remove(&absorbed) else { return };
        let decay = self.decay();
        match self.users.get_mut(&into) {
            None => drop(self.users.insert(into, theirs)),
            Some(own) => {
                let twice = own.absorb(&theirs, decay);
                for (number, curve) in self.curves.iter_mut().enumerate() {
                    curve.users -= u64::from(twice >> number & 1).min(curve.users);
                }
            }
        }
    }

    /// A copy that knows what everyone does, and nobody.
    pub(crate) fn without_users(&self) -> SendTimes {
        SendTimes { params: self.params.clone(), curves: self.curves.clone(), users: HashMap::default() }
    }

    /// Takes out what is known of a user, which stays counted in the curves.
    pub(crate) fn take_user(&mut self, user: u32) -> Option<Box<UserHours>> {
        self.users.remove(&user)
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(crate) fn put_user(&mut self, user: u32, row: Option<Box<UserHours>>) {
        match row {
            Some(row) => drop(self.users.insert(user, row)),
            None => drop(self.users.remove(&user)),
        }
    }

    /// Writes what [`take_user`](SendTimes::take_user) takes out.
    pub(crate) fn write_user(&self, user: u32, out: &mut Vec<u8>) {
        let row = self.users.get(&user);
        row.is_some().write(out);
        if let Some(row) = row {
            row.write(out);
        }
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: u32) -> usize {
        self.users.get(&user).map_or(0, |row| size_of::<UserHours>() + row.heap_bytes())
    }

    /// Everything, users in order of their numbers, for a digest of the state.
    pub(crate) fn state(&self) -> impl Serialize + '_ {
        let mut users: Vec<_> = self.users.iter().map(|(user, row)| (*user, row)).collect();
        users.sort_unstable_by_key(|(user, _)| *user);
        (&self.curves, users)
    }
}

fn day_of(at: Instant) -> i32 {
    at.as_millis().div_euclid(DAY.as_millis()) as i32
}

/// A number from 0 up to 1 of 53 even bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
