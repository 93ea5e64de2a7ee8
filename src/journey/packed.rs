//! An instance at rest: as small as it gets, because millions wait.

use crate::journey::instance::{CAME_WITH, HAS_TOKEN, HELD_OUT, Instance, More, Stand, WAITS_FOR_SLOT};
use crate::journey::key::InstanceKey;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::model::{Duration, Instant};

/// An instance of which nobody changes anything. Forty bytes: its instants are told from that at which it is due, where
/// they are near it, and what few have is apart.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    due: Instant,
    key: InstanceKey,
    /// How long before it is due it was entered, and began its step, in milliseconds: the low 32 bits of 36.
    entered: u32,
    wanted: u32,
    entry: u32,
    /// The place of the next instance of the same user.
    pub(super) next: u32,
    journey: JourneyNo,
    step: u16,
    round: u16,
    /// The high four bits of `entered`, then those of `wanted`.
    high: u8,
    /// How it stands in three bits, then its flags in four, then whether there is more of it.
    mark: u8,
}

/// What few instances have.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    more: Option<Box<More>>,
    /// What lies too far back for the instance itself.
    entered: Option<Instant>,
    wanted: Option<Instant>,
    burst: u8,
}

/// Times before an instance is due are told up to here: two years and two months.
const NEAR_END: i64 = 1 << 36;
const HAS_OWN: u8 = 1 << 7;
const FLAGS: u8 = 0b1111;
const _: () = assert!((HELD_OUT | HAS_TOKEN | WAITS_FOR_SLOT | CAME_WITH) & !FLAGS == 0);

/// By their numbers.
const STANDS: [Stand; 5] = [Stand::Due, Stand::Waiting, Stand::WaitingFor, Stand::Deferred, Stand::Met];

/// A time in 36 bits, the low ones and the high ones; nothing where it takes more.
fn near(time: Duration) -> Option<(u32, u8)> {
    let millis = time.as_millis();
    (0..NEAR_END).contains(&millis).then_some((millis as u32, (millis >> 32) as u8))
}

fn time(low: u32, high: u8) -> Duration {
    Duration::from_millis(i64::from(high) << 32 | i64::from(low))
}

impl Packed {
    /// A place in which no instance is.
    pub(super) fn free(next: u32) -> Packed {
        let nothing = Instance::new(0, InstanceKey::default(), 0, Instant::MIN);
        Packed::new(nothing, next).0
    }

    /// An instance before another one of the same user, and what is apart of it.
    pub(super) fn new(instance: Instance, next: u32) -> (Packed, Option<Own>) {
        let Instance { key, more, entered, due, wanted, entry, round, journey, step, stand, flags, burst } =
            instance;
        let (since_entered, since_wanted) = (near(due - entered), near(due - wanted));
        let own = Own {
            more,
            entered: since_entered.is_none().then_some(entered),
            wanted: since_wanted.is_none().then_some(wanted),
            burst,
        };
        let has_own = own.more.is_some() || own.entered.is_some() || own.wanted.is_some() || burst != 0;
        let (entered, entered_high) = since_entered.unwrap_or_default();
        let (wanted, wanted_high) = since_wanted.unwrap_or_default();
        let packed = Packed {
            due,
            key,
            entered,
            wanted,
            entry,
            next,
            journey,
            step,
            round,
            high: entered_high | wanted_high << 4,
            mark: stand as u8 | (flags & FLAGS) << 3 | if has_own { HAS_OWN } else { 0 },
        };
        (packed, has_own.then_some(own))
    }

    /// Whether something is apart of it.
    pub(super) fn has_own(&self) -> bool {
        self.mark & HAS_OWN != 0
    }

    /// When the instance goes on, or has lasted as long as its journey may.
    pub(super) fn deadline(&self, own: Option<&Own>, plan: &JourneyPlan) -> Instant {
        let entered = own.and_then(|own| own.entered);
        let entered = entered.unwrap_or(self.due - time(self.entered, self.high & 0b1111));
        plan.deadline(self.journey, self.due, entered)
    }

    /// The instance, with what was apart of it.
    pub(super) fn unpack(self, own: Option<Own>) -> Instance {
        let Packed { due, key, entered, wanted, entry, journey, step, round, high, mark, .. } = self;
        let own = own.unwrap_or_default();
        Instance {
            key,
            more: own.more,
            entered: own.entered.unwrap_or(due - time(entered, high & 0b1111)),
            due,
            wanted: own.wanted.unwrap_or(due - time(wanted, high >> 4)),
            entry,
            round,
            journey,
            step,
            stand: STANDS[usize::from(mark & 0b111)],
            flags: mark >> 3 & FLAGS,
            burst: own.burst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    #[test]
    fn an_instance_at_rest_takes_forty_bytes() {
        assert_eq!(size_of::<Packed>(), 40);
    }

    #[test]
    fn what_is_packed_comes_back() {
        let key = InstanceKey::of(&Value::from(7_i64)).unwrap();
        let plain = Instance::new(3, key, 5, Instant::from_millis(1_000));
        let with = |change: fn(&mut Instance)| {
            let mut instance = plain.clone();
            change(&mut instance);
            instance
        };
        let after = |millis| Instant::from_millis(1_000 + millis);
        let cases: [(Instance, bool); 10] = [
            (plain.clone(), false),
            (with(|of| (of.round, of.step, of.entry) = (u16::MAX, u16::MAX - 1, u32::MAX)), false),
            (with(|of| of.flags = HELD_OUT | HAS_TOKEN | WAITS_FOR_SLOT | CAME_WITH), false),
            // A wait of two years, and of three.
            (Instance { due: after(NEAR_END - 1), ..plain.clone() }, false),
            (Instance { due: after(NEAR_END), ..plain.clone() }, true),
            (Instance { due: after(NEAR_END), wanted: after(9), ..plain.clone() }, true),
            // Something that was entered after it is due.
            (Instance { due: after(-1), wanted: after(-3), ..plain.clone() }, true),
            (Instance { due: Instant::MAX, entered: Instant::MIN, ..plain.clone() }, true),
            (with(|of| of.burst = 9), true),
            (with(|of| of.more().met = 5), true),
        ];
        for (instance, has_own) in cases {
            for stand in STANDS {
                let instance = Instance { stand, ..instance.clone() };
                let (packed, own) = Packed::new(instance.clone(), 11);
                assert_eq!((packed.next, packed.has_own()), (11, has_own), "{instance:?}");
                assert_eq!(own.is_some(), has_own, "{instance:?}");
                assert_eq!(format!("{:?}", packed.unpack(own)), format!("{instance:?}"));
            }
        }
    }
}
