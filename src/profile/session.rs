use crate::model::{Duration, Instant};

/// The latest session of a user. Older ones cannot be seen, so they are not kept.
///
/// A session covers its first event up to the gap after its last one; from that instant on the user is in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// 1 for the first one; 0 before any event.
    pub(crate) number: u32,
    pub(crate) events: u32,
    pub(crate) first: Instant,
    pub(crate) last: Instant,
}

impl Default for Session {
    fn default() -> Session {
        Session { number: 0, events: 0, first: Instant::MIN, last: Instant::MIN }
    }
}

impl Session {
    /// Takes an event in. One that is older than the session belongs to none that can be seen.
    pub(crate) fn note(&mut self, at: Instant, gap: Duration) {
        if self.number == 0 || at >= self.last + gap {
            *self = Session { number: self.number + 1, events: 1, first: at, last: at };
        } else if at >= self.first {
            self.events += 1;
            self.last = self.last.max(at);
        }
    }

    /// The instant at which it is over, unless events come.
    pub(crate) fn end(&self, gap: Duration) -> Instant {
        self.last + gap
    }

    /// Whether the user is in it.
    pub(crate) fn is_on(&self, now: Instant, gap: Duration) -> bool {
        self.number > 0 && now < self.end(gap)
    }

    /// The latest session of two profiles that turn out to be one user. Sessions that touch become one.
    /// Commutative and associative as far as the latest sessions tell.
    pub(crate) fn merge(self, other: Session, gap: Duration) -> Session {
        let (early, late) =
            if (self.last, self.first) <= (other.last, other.first) { (self, other) } else { (other, self) };
        if early.number == 0 {
            return late;
        }
        if late.first < early.end(gap) {
            return Session {
                number: early.number + late.number - 1,
                events: early.events + late.events,
                first: early.first.min(late.first),
                last: late.last,
            };
        }
        Session { number: early.number + late.number, ..late }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Instant {
        Instant::from_millis(minutes * 60_000)
    }

    #[test]
    fn sessions_by_gap() {
        let gap = Duration::minutes(30);
        let mut session = Session::default();
        for (minute, number, events, first, last) in [
            (100, 1, 1, 100, 100),
            (129, 1, 2, 100, 129),
            (110, 1, 3, 100, 129), // late, within
            (90, 1, 3, 100, 129),  // late, before: belongs to nothing that can be seen
            (159, 2, 1, 159, 159), // exactly the gap
            (150, 2, 1, 159, 159), // late, between the two
        ] {
            session.note(at(minute), gap);
            assert_eq!(session, Session { number, events, first: at(first), last: at(last) }, "{minute}");
        }
        assert!(session.is_on(at(188), gap));
        assert!(!session.is_on(at(189), gap));
    }

    #[test]
    fn merge_in_either_order() {
        let gap = Duration::minutes(30);
        let of = |minutes: &[i64]| {
            let mut session = Session::default();
            minutes.iter().for_each(|m| session.note(at(*m), gap));
            session
        };
        let (a, b) = (of(&[0, 10]), of(&[20, 25]));
        assert_eq!(a.merge(b, gap), b.merge(a, gap));
        assert_eq!(a.merge(b, gap), Session { number: 1, events: 4, first: at(0), last: at(25) });
        let c = of(&[0, 100]);
        assert_eq!(a.merge(c, gap).number, 3);
        assert_eq!(a.merge(Session::default(), gap), a);
    }
}
