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

    /// The latest session of profiles that turn out to be one user, from the latest session of each: sessions that touch
    /// become one, and older ones are counted. The order does not matter, nor which are taken together first.
    pub(crate) fn latest(sessions: impl IntoIterator<Item = Session>, gap: Duration) -> Session {
        let mut sessions: Vec<Session> = sessions.into_iter().filter(|session| session.number > 0).collect();
        sessions.sort_unstable_by_key(|session| (session.first, session.last));
        let mut whole = Session::default();
        for session in sessions {
            let number = whole.number.saturating_add(session.number);
            whole = if whole.number > 0 && session.first < whole.end(gap) {
                Session {
                    number: number - 1,
                    events: whole.events.saturating_add(session.events),
                    first: whole.first,
                    last: whole.last.max(session.last),
                }
            } else {
                Session { number, ..session }
            };
        }
        whole
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
    fn a_merge_is_the_same_in_any_order() {
        let gap = Duration::minutes(30);
        let of = |minutes: &[i64]| {
            let mut session = Session::default();
            minutes.iter().for_each(|m| session.note(at(*m), gap));
            session
        };
        let (a, b) = (of(&[0, 10]), of(&[20, 25]));
        let merged = |sessions: &[Session]| Session::latest(sessions.iter().copied(), gap);
        assert_eq!(merged(&[a, b]), Session { number: 1, events: 4, first: at(0), last: at(25) });
        let (c, d) = (of(&[0, 100]), of(&[50]));
        assert_eq!(merged(&[a, c]).number, 3);
        assert_eq!(merged(&[a, Session::default()]), a);
        // What lies between two that do not touch makes one of them all.
        let whole = Session { number: 1, events: 5, first: at(0), last: at(50) };
        for order in [[a, b, d], [a, d, b], [d, b, a], [b, a, d]] {
            assert_eq!(merged(&order), whole);
        }
    }
}
