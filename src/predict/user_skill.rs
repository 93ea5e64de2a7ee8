use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use crate::predict::Rating;
use crate::predict::skill::VARIANCE_MIN;
use smallvec::SmallVec;

/// How many of the items that a user did last are remembered.
const RECENT_MAX: usize = 8;

/// What is known of how able a user is, and what the user did last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UserSkill {
    pub(super) skill: Rating,
    /// When the last outcome was.
    pub(super) at: Instant,
    /// The difficulty of the session before the present one.
    before: Option<f64>,
    /// The sum of difficulties in the present session, and how many.
    sum: f64,
    count: u32,
    /// What was done last, newest first.
    pub(super) recent: SmallVec<[u32; RECENT_MAX]>,
}

impl UserSkill {
    pub(super) fn new(skill: Rating, at: Instant) -> UserSkill {
        UserSkill { skill, at, before: None, sum: 0.0, count: 0, recent: SmallVec::new() }
    }

    /// An attempt at an item so difficult; a session is over after such a pause.
    pub(super) fn attempt(&mut self, item: u32, difficulty: f64, at: Instant, pause: Duration) {
        if at - self.at > pause {
            self.before = self.mean().or(self.before);
            (self.sum, self.count) = (0.0, 0);
        }
        self.sum += difficulty;
        self.count = self.count.saturating_add(1);
        self.at = self.at.max(at);
        self.recent.retain(|known| *known != item);
        self.recent.truncate(RECENT_MAX - 1);
        self.recent.insert(0, item);
    }

    /// Takes in what is known of another profile of the same user; both began with so much variance about 0.
    pub(super) fn absorb(&mut self, mut other: UserSkill, first: f64) {
        // What both began with counts once: precisions are added, and that of the beginning taken off.
        let (own, theirs) = (1.0 / self.skill.variance, 1.0 / other.skill.variance);
        let both = (own + theirs - 1.0 / first).max(own).max(theirs).min(1.0 / VARIANCE_MIN);
        let mean = (self.skill.mean * own + other.skill.mean * theirs) / both;
        if other.at > self.at {
            std::mem::swap(self, &mut other);
        }
        self.skill = Rating { mean, variance: 1.0 / both };
        let earlier = other.recent.into_iter();
        for item in earlier {
            if self.recent.len() < RECENT_MAX && !self.recent.contains(&item) {
                self.recent.push(item);
            }
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }

    /// The difficulty of the last session that is over.
    pub(super) fn session_before(&self, now: Instant, pause: Duration) -> Option<f64> {
        if now - self.at > pause { self.mean().or(self.before) } else { self.before }
    }

    /// The same where items have other numbers; those without one are left out.
    pub(crate) fn renumbered(mut self, number: impl FnMut(u32) -> Option<u32>) -> UserSkill {
        self.recent = self.recent.into_iter().filter_map(number).collect();
        self
    }
}

impl Record for UserSkill {
    fn write(&self, out: &mut Vec<u8>) {
        let UserSkill { skill, at, before, sum, count, recent } = self;
        (*skill, *at, *before).write(out);
        (*sum, *count).write(out);
        recent.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<UserSkill, Malformed> {
        let (skill, at, before): (Rating, Instant, Option<f64>) = from.read()?;
        let sum = from.valid("a sum of difficulties", |sum: &f64| sum.is_finite())?;
        let count = from.read()?;
        let recent = from.valid("what a user did", |recent: &SmallVec<[u32; RECENT_MAX]>| {
            recent.len() <= RECENT_MAX && (1..recent.len()).all(|n| !recent[..n].contains(&recent[n]))
        })?;
        if before.is_some_and(|before| !before.is_finite()) {
            return Err(from.malformed("the difficulty of a session"));
        }
        Ok(UserSkill { skill, at, before, sum, count, recent })
    }
}
