use crate::model::{Bytes, Malformed, Record};
use crate::predict::LocalHour;
use crate::predict::local_hour::HOURS;
use serde::Serialize;

/// How much a session, a click and an open say of a user: sessions most, because nobody sent anything to get them; opens
/// least, because machines open mail too.
const TRUST: [f64; 3] = [1.0, 0.5, 0.25];

/// How much an hour tells of itself, of the next one and of the one behind that.
const NEAR: [(i8, f64); 5] = [(-2, 1.0 / 6.0), (-1, 4.0 / 6.0), (0, 1.0), (1, 4.0 / 6.0), (2, 1.0 / 6.0)];

/// By local hour.
pub(super) type ByHour = [f64; HOURS];

/// A rate that is known more or less well: a gamma distribution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// How much was seen, what was believed before included.
    seen: f64,
    /// How much would have been seen at a rate of 1.
    expected: f64,
}

impl Rate {
    /// One of which nothing is known: about 1, within a factor of two or three.
    pub(super) const UNKNOWN: Rate = Rate { seen: 1.0, expected: 1.0 };

    pub(super) fn mean(self) -> f64 {
        self.seen / self.expected
    }

    /// How likely it is above another one: by the cube root of a gamma distribution, which is nearly normal (Wilson and
    /// Hilferty, 1931).
    pub(super) fn exceeds(self, other: Rate) -> f64 {
        let normal = |rate: Rate| {
            let (root, ninth) = (libm::cbrt(rate.mean()), 1.0 / (9.0 * rate.seen));
            (root * (1.0 - ninth), root * root * ninth)
        };
        let ((own, own_variance), (their, their_variance)) = (normal(self), normal(other));
        let deviations = (own - their) / libm::sqrt(own_variance + their_variance);
        0.5 * libm::erfc(-deviations / std::f64::consts::SQRT_2)
    }
}

/// What happened by local hour, and how often it could have: for sessions, clicks and opens in this order.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) happened: [ByHour; 3],
    pub(super) possible: [ByHour; 3],
}

impl Observed {
    /// The rates of all hours against the average one: those that were believed before, which weigh as much as so many
    /// events in each hour, corrected by what was seen against what they let expect (the empirical Bayes estimate of Clayton
    /// and Kaldor, 1987). Neighbouring hours tell of one another.
    ///
    /// One kind of evidence after the other, those first that say most: what they said is what the next kind is compared
    /// with. Where all messages go out in one hour, their opens say nothing of it, for or against.
    pub(super) fn rates(&self, before: &ByHour, weight: f64) -> [Rate; HOURS] {
        let (mut seen, mut expected) = ([0.0; HOURS], [0.0; HOURS]);
        let mut rates = [Rate::UNKNOWN; HOURS];
        let smooth = |seen: &ByHour, expected: &ByHour, rates: &mut [Rate; HOURS]| {
            for (hour, rate) in LocalHour::all().zip(rates) {
                let near = |of: &ByHour| -> f64 {
                    NEAR.iter().map(|(by, share)| share * of[hour.later(*by).index()]).sum()
                };
                let believed = before[hour.index()].max(RATE_MIN);
                *rate = Rate { seen: weight * believed + near(seen), expected: weight + near(expected) };
            }
        };
        smooth(&seen, &expected, &mut rates);
        for ((happened, possible), trust) in self.happened.iter().zip(&self.possible).zip(TRUST) {
            let all: f64 = happened.iter().sum();
            let chances: f64 =
                possible.iter().zip(&rates).map(|(possible, rate)| possible * rate.mean()).sum();
            // Answers to what is no longer known say nothing.
            if all < COUNT_MIN || chances < COUNT_MIN {
                continue;
            }
            for hour in 0..HOURS {
                // An hour is known by comparison with the others, and where there are none it is not.
                let told = trust * (1.0 - possible[hour] * rates[hour].mean() / chances);
                seen[hour] += told * happened[hour];
                expected[hour] += told * possible[hour] * (all / chances);
            }
            smooth(&seen, &expected, &mut rates);
        }
        rates
    }
}

/// Less than so much of one event is nothing: a rest of what was taken away.
pub(super) const COUNT_MIN: f64 = 1.0 / 64.0;

/// Nothing is believed impossible.
const RATE_MIN: f64 = 0.01;

/// What many users did by local hour, of late.
///
/// Counts decay by the day, so that an event costs a few additions and the first of a day a few hundred.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Curve {
    /// The day that counts are worth what they say.
    day: i32,
    /// How many users are in it.
    pub(super) users: u64,
    /// How many days they are seen, together.
    days: f64,
    #[serde(serialize_with = "as_list")]
    sessions: ByHour,
    #[serde(serialize_with = "as_list")]
    exposed: ByHour,
    #[serde(serialize_with = "as_list")]
    clicked: ByHour,
    #[serde(serialize_with = "as_list")]
    opened: ByHour,
}

fn as_list<S: serde::Serializer>(of: &ByHour, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(of)
}

impl Default for Curve {
    fn default() -> Curve {
        let none = [0.0; HOURS];
        Curve { day: 0, users: 0, days: 0.0, sessions: none, exposed: none, clicked: none, opened: none }
    }
}

impl Curve {
    fn parts(&self) -> [&ByHour; 4] {
        [&self.sessions, &self.exposed, &self.clicked, &self.opened]
    }

    fn parts_mut(&mut self) -> [&mut ByHour; 4] {
        [&mut self.sessions, &mut self.exposed, &mut self.clicked, &mut self.opened]
    }

    /// Makes a day countable; gives what an event of that day is worth.
    pub(super) fn weight(&mut self, day: i32, decay: Decay) -> f64 {
        if day > self.day {
            let factor = decay.over(day - self.day);
            self.days *= factor;
            self.parts_mut().into_iter().flatten().for_each(|count| *count *= factor);
            self.day = day;
        }
        decay.over(self.day - day)
    }

    /// Adds, or takes away, as much as was added: never below nothing.
    pub(super) fn add(&mut self, evidence: Kind, hour: LocalHour, weight: f64) {
        let of = match evidence {
            Kind::Session => &mut self.sessions,
            Kind::Exposed => &mut self.exposed,
            Kind::Clicked => &mut self.clicked,
            Kind::Opened => &mut self.opened,
        };
        let count = &mut of[hour.index()];
        *count = (*count + weight).max(0.0);
    }

    /// Adds days that users are seen; the same.
    pub(super) fn add_days(&mut self, days: f64) {
        self.days = (self.days + days).max(0.0);
    }

    /// Counts are not brought to a later day: all decay alike, so that rates stay, and a curve of many is sure enough.
    pub(super) fn observed(&self) -> Observed {
        Observed {
            happened: [self.sessions, self.clicked, self.opened],
            possible: [awake(self.days, &self.exposed), self.exposed, self.exposed],
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        (i64::from(self.day), self.users, self.days).write(out);
        self.parts().into_iter().flatten().for_each(|count| count.write(out));
    }

    pub(super) fn read(from: &mut Bytes<'_>) -> Result<Curve, Malformed> {
        let (day, users) = (read_day(from)?, from.counter("a count of users")?);
        let mut curve = Curve { day, users, days: from.weight("a count of days")?, ..Curve::default() };
        for count in curve.parts_mut().into_iter().flatten() {
            *count = from.weight("a count of an hour")?;
        }
        Ok(curve)
    }
}

/// In how many hours a session could have been: those of the days that users are seen, as a week has them on average, but
/// not the ones that follow a message.
pub(super) fn awake(days: f64, exposed: &ByHour) -> ByHour {
    let mut hours = [0.0; HOURS];
    for (hour, own) in LocalHour::all().zip(&mut hours) {
        *own = (days * 24.0 * hour.share() - exposed[hour.index()]).max(0.0);
    }
    hours
}

/// What happened, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Session,
    Exposed,
    Clicked,
    Opened,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Session, Kind::Exposed, Kind::Clicked, Kind::Opened];
}

/// How fast the past stops to count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    /// Half-lives that a day is.
    pub(super) halvings: f64,
}

impl Decay {
    /// What is left after so many days.
    pub(super) fn over(self, days: i32) -> f64 {
        if days == 0 { 1.0 } else { libm::exp2(-self.halvings * f64::from(days)) }
    }

    /// How many days there were from one to another, both included, as far as they still count at the later one.
    pub(super) fn days(self, from: i32, to: i32) -> f64 {
        let days = to.saturating_sub(from).saturating_add(1).max(1);
        (1.0 - self.over(days)) / (1.0 - self.over(1))
    }
}

pub(super) fn read_day(from: &mut Bytes<'_>) -> Result<i32, Malformed> {
    let day = from.valid("a day", |day: &i64| i32::try_from(*day).is_ok())?;
    Ok(day as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Observed {
        const NOTHING: Observed = Observed { happened: [[0.0; HOURS]; 3], possible: [[0.0; HOURS]; 3] };
    }

    fn rate(seen: f64, expected: f64) -> Rate {
        Rate { seen, expected }
    }

    #[test]
    fn how_likely_one_rate_is_above_another() {
        // Against what 10^7 pairs of draws from the two distributions say.
        for (a, b, likely) in [
            (rate(5.0, 5.0), rate(5.0, 5.0), 0.5),
            (rate(9.0, 5.0), rate(6.0, 5.0), 0.788),
            (rate(3.0, 1.0), rate(1.0, 1.0), 0.875),
            (rate(40.0, 20.0), rate(30.0, 30.0), 0.998),
            (rate(1.0, 2.0), rate(4.0, 2.0), 0.0625),
        ] {
            assert!((a.exceeds(b) - likely).abs() < 0.006, "{a:?} {b:?} {}", a.exceeds(b));
            assert!((a.exceeds(b) + b.exceeds(a) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn without_evidence_rates_are_those_that_were_believed() {
        let mut before = [1.0; HOURS];
        before[7] = 3.0;
        let rates = Observed::NOTHING.rates(&before, 4.0);
        assert_eq!((rates[7].mean(), rates[8].mean()), (3.0, 1.0));
    }

    #[test]
    fn an_hour_does_not_win_by_what_was_sent_in_it() {
        let mut observed = Observed::NOTHING;
        // Of ninety messages at nine a third was opened, as of nine at seven in the evening.
        (observed.possible[2][9], observed.happened[2][9]) = (90.0, 30.0);
        (observed.possible[2][19], observed.happened[2][19]) = (9.0, 3.0);
        let rates = observed.rates(&[1.0; HOURS], 4.0);
        assert!((rates[9].mean() - 1.0).abs() < 1e-9 && (rates[19].mean() - 1.0).abs() < 1e-9);
        // And where it is believed that all are awake at nine, opens at nine say nothing new.
        let mut before = [1.0; HOURS];
        before[7..12].fill(2.0);
        let mut observed = Observed::NOTHING;
        (observed.possible[2][9], observed.happened[2][9]) = (90.0, 30.0);
        let rates = observed.rates(&before, 4.0);
        assert!((rates[9].mean() - 2.0).abs() < 1e-9, "{rates:?}");
    }

    #[test]
    fn days_are_worth_half_after_a_half_life() {
        let decay = Decay { halvings: 1.0 / 45.0 };
        assert!((decay.over(45) - 0.5).abs() < 1e-12);
        assert_eq!(decay.days(10, 10), 1.0);
        let summed: f64 = (0..30).map(|age| decay.over(age)).sum();
        assert!((decay.days(1, 30) - summed).abs() < 1e-9);
        let mut curve = Curve::default();
        let hour = LocalHour::new(9, false).unwrap();
        let weight = curve.weight(100, decay);
        curve.add(Kind::Session, hour, weight);
        let weight = curve.weight(145, decay);
        curve.add(Kind::Session, hour, weight);
        // Late by 45 days.
        let weight = curve.weight(100, decay);
        curve.add(Kind::Session, hour, weight);
        assert!((curve.sessions[9] - 2.0).abs() < 1e-12);
    }
}
