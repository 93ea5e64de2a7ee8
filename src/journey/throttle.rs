//! Token buckets that the clock refills: how fast a channel takes messages of all users together.

use crate::journey::Throttle;
use crate::model::{Bytes, Duration, Instant, Malformed, Record};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A token bucket, kept as the generic cell rate algorithm does: by the instant at which it is full again. Exact: what
/// is less than a millisecond is kept as parts of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Bucket {
    /// When it is full, rounded down.
    full_at: Instant,
    /// And so many `max`-ths of a millisecond later.
    parts: u32,
}

impl Bucket {
    const FULL: Bucket = Bucket { full_at: Instant::MIN, parts: 0 };

    /// The first instant from `now` on at which there is a token.
    fn next(self, throttle: Throttle, now: Instant) -> Instant {
        let max = i128::from(throttle.max.max(1));
        let room = i128::from(throttle.burst.saturating_sub(1)) * i128::from(throttle.per.as_millis());
        let free = self.scaled(max) - room;
        // Rounded up: a token is there in full.
        let millis = -((-free).div_euclid(max));
        now.max(instant(millis))
    }

    /// Takes the token that is there at [`next`](Bucket::next).
    fn take(&mut self, throttle: Throttle, now: Instant) {
        let max = i128::from(throttle.max.max(1));
        let from = self.scaled(max).max(i128::from(now.as_millis()) * max);
        let full = from + i128::from(throttle.per.as_millis());
        self.full_at = instant(full.div_euclid(max));
        self.parts = full.rem_euclid(max) as u32;
    }

    /// When it is full, in `max`-ths of a millisecond.
    fn scaled(self, max: i128) -> i128 {
        // Under another throttle parts are of another size.
        i128::from(self.full_at.as_millis()) * max + i128::from(self.parts).min(max - 1)
    }

    fn is_full(self, now: Instant) -> bool {
        self.full_at < now
    }
}

fn instant(millis: i128) -> Instant {
    let limits = i128::from(Instant::MIN.as_millis())..=i128::from(Instant::MAX.as_millis());
    Instant::from_millis(millis.clamp(*limits.start(), *limits.end()) as i64)
}

/// The buckets of all channels that are not full.
#[derive(Debug, Clone)]
pub(crate) struct Throttles {
    buckets: BTreeMap<Arc<str>, Bucket>,
    /// Among how many partitions what a channel takes is shared out: it is no part of their state.
    partitions: u16,
}

impl Default for Throttles {
    fn default() -> Throttles {
        Throttles { buckets: BTreeMap::new(), partitions: 1 }
    }
}

impl Throttles {
    /// Shares out what channels take among so many partitions.
    pub(crate) fn share(&mut self, partitions: u16) {
        self.partitions = partitions.max(1);
    }

    /// What one partition may take: its part of the rate, and of what may go at once at least one message.
    fn part(&self, throttle: Throttle) -> Throttle {
        let Throttle { max, per, burst } = throttle;
        let partitions = self.partitions;
        let per = Duration::from_millis(per.as_millis().saturating_mul(partitions.into()));
        Throttle { max, per, burst: (burst / u32::from(partitions)).max(1) }
    }

    /// The first instant from `now` on at which a channel takes a message.
    pub(crate) fn next(&self, channel: &str, throttle: Throttle, now: Instant) -> Instant {
        self.buckets.get(channel).copied().unwrap_or(Bucket::FULL).next(self.part(throttle), now)
    }

    /// Takes the next token of a channel.
    pub(crate) fn take(&mut self, channel: &Arc<str>, throttle: Throttle, now: Instant) {
        let part = self.part(throttle);
        self.buckets.entry(channel.clone()).or_insert(Bucket::FULL).take(part, now);
    }

    /// Drops the buckets of channels that are throttled no longer.
    pub(crate) fn retain(&mut self, is_throttled: impl Fn(&str) -> bool) {
        self.buckets.retain(|channel, _| is_throttled(channel));
    }

    /// Those that are not full, for a digest of the state.
    pub(crate) fn state(&self, now: Instant) -> impl Serialize {
        let filling = self.buckets.iter().filter(|(_, bucket)| !bucket.is_full(now));
        filling.map(|(channel, bucket)| (channel.clone(), *bucket)).collect::<Vec<_>>()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.buckets.len().write(out);
        for (channel, bucket) in &self.buckets {
            channel.write(out);
            (bucket.full_at, bucket.parts).write(out);
        }
    }

    /// Puts those that were written in the place of all.
    pub(crate) fn read(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let mut buckets = BTreeMap::new();
        for _ in 0..from.len("buckets of channels")? {
            let (channel, full_at, parts): (Arc<str>, Instant, u32) = from.read()?;
            if buckets.insert(channel, Bucket { full_at, parts }).is_some() {
                return Err(from.malformed("buckets of channels"));
            }
        }
        self.buckets = buckets;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(1_000_000 + millis)
    }

    /// The instants at which messages that are wanted at some go, in order.
    fn slots(throttle: Throttle, wanted: &[i64]) -> Vec<i64> {
        let mut bucket = Bucket::FULL;
        let slot = |millis: &i64| {
            let slot = bucket.next(throttle, at(*millis));
            bucket.take(throttle, at(*millis));
            (slot - at(0)).as_millis()
        };
        wanted.iter().map(slot).collect()
    }

    #[test]
    fn tokens_come_back_with_the_clock() {
        let throttle = |max, per, burst| Throttle { max, per: Duration::from_millis(per), burst };
        for (limit, wanted, got) in [
            // One a second, and nothing is saved up.
            (throttle(1, 1_000, 1), vec![0, 0, 0, 5_000], vec![0, 1_000, 2_000, 5_000]),
            (throttle(1, 1_000, 1), vec![0, 999, 1_500], vec![0, 1_000, 2_000]),
            // Three at once, then one a second.
            (throttle(1, 1_000, 3), vec![0, 0, 0, 0, 0], vec![0, 0, 0, 1_000, 2_000]),
            (throttle(1, 1_000, 3), vec![0, 0, 0, 1_500, 1_500], vec![0, 0, 0, 1_500, 2_000]),
            (throttle(1, 1_000, 2), vec![0, 0, 60_000, 60_000, 60_000], vec![0, 0, 60_000, 60_000, 61_000]),
            // Thirds of a second are not rounded each: the fourth comes after a whole one.
            (throttle(3, 1_000, 1), vec![0; 7], vec![0, 334, 667, 1_000, 1_334, 1_667, 2_000]),
            // More than one in a millisecond.
            (throttle(2_000, 1_000, 1), vec![0; 5], vec![0, 1, 1, 2, 2]),
        ] {
            assert_eq!(slots(limit, &wanted), got, "{limit:?} {wanted:?}");
        }
    }

    #[test]
    fn another_throttle_goes_on_from_where_the_old_one_was() {
        let old = Throttle { max: 1_000_000, per: Duration::seconds(10), burst: 1 };
        let new = Throttle { max: 1, per: Duration::seconds(1), burst: 1 };
        let mut bucket = Bucket::FULL;
        bucket.take(old, at(0));
        assert!(bucket.next(new, at(0)) <= at(1));
    }

    #[test]
    fn partitions_share_what_a_channel_takes() {
        let (push, throttle): (Arc<str>, _) =
            ("push".into(), Throttle { max: 4, per: Duration::seconds(1), burst: 8 });
        let slots = |partitions: u16, wanted: usize| -> Vec<i64> {
            let mut throttles = Throttles::default();
            throttles.share(partitions);
            let slot = |_| {
                let slot = throttles.next(&push, throttle, at(0));
                throttles.take(&push, throttle, at(0));
                (slot - at(0)).as_millis()
            };
            (0..wanted).map(slot).collect()
        };
        // Eight at once, then one each quarter of a second; two at once from each of four, then one a second.
        assert_eq!(slots(1, 10), [0, 0, 0, 0, 0, 0, 0, 0, 250, 500]);
        assert_eq!(slots(4, 4), [0, 0, 1_000, 2_000]);
        // None goes without.
        assert_eq!(slots(64, 2), [0, 16_000]);
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for now in [Instant::MIN, Instant::MAX] {
            for max in [0, 1, u32::MAX] {
                for per in [0, i64::MAX] {
                    let throttle = Throttle { max, per: Duration::from_millis(per), burst: u32::MAX };
                    let mut bucket = Bucket::FULL;
                    bucket.take(throttle, now);
                    assert!(bucket.next(throttle, now) >= now);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_it_may_and_none_waits_for_nothing(
            (max, per, burst) in (1_u32..20, 1_i64..5_000, 1_u32..6),
            gaps in prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..3_000], 1..60),
        ) {
            let throttle = Throttle { max, per: Duration::from_millis(per), burst };
            let wanted: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let slots = slots(throttle, &wanted);
            for (first, from) in slots.iter().enumerate() {
                for (last, to) in slots.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as i64;
                    // A burst, and what has come back since; a slot is late by less than a millisecond.
                    let allowed = i64::from(burst) * per + (to - from + 1) * i64::from(max);
                    prop_assert!(count * per <= allowed, "{count} from {from} to {to}");
                }
            }
            // A bucket that is counted: in parts, `max` of which come back in a millisecond and `per` make a token.
            let (full, max) = (i64::from(burst) * per, i64::from(max));
            let (mut tokens, mut clock) = (full, 0);
            for (slot, wanted) in slots.iter().zip(&wanted) {
                prop_assert!(slot >= wanted);
                let now = (wanted * max).max(clock);
                tokens = full.min(tokens + now - clock);
                let missing = (per - tokens).max(0);
                (tokens, clock) = (tokens + missing - per, now + missing);
                prop_assert_eq!(*slot, (clock + max - 1) / max);
            }
        }
    }
}
