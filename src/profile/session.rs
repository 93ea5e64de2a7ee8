use crate::model::{Duration, Instant};
use serde::Serialize;

/// The latest session of a user. Older ones cannot be seen; only parts of a profile keep them.
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

    /// The latest session of profiles that turn out to be one user, and those before, from the latest session of each with
    /// those before it that are known: sessions that touch become one, and others are counted. The order does not matter, nor
    /// which are taken together first.
    pub(crate) fn together<'a>(
        sessions: impl IntoIterator<Item = (Session, &'a [Past])>,
        gap: Duration,
    ) -> (Session, Vec<Past>) {
        let mut number = 0_u32;
        let mut all: Vec<Past> = Vec::new();
        for (Session { number: own, events, first, last }, past) in sessions {
            if own > 0 {
                number = number.saturating_add(own);
                all.extend_from_slice(past);
                all.push(Past { first, last, events });
            }
        }
        let known = all.len();
        all.sort_unstable_by_key(|session| (session.first, session.last));
        all.dedup_by(|next, session| {
            let touches = next.first < session.last + gap;
            if touches {
                session.events = session.events.saturating_add(next.events);
                session.last = session.last.max(next.last);
            }
            touches
        });
        number = number.saturating_sub((known - all.len()) as u32);
        match all.pop() {
            Some(Past { first, last, events }) => (Session { number, events, first, last }, all),
            None => (Session::default(), all),
        }
    }

    /// The sessions before this one, where events, which come in order, are all that there were; none where they are not.
    pub(crate) fn before(&self, events: impl Iterator<Item = Instant>, gap: Duration) -> Vec<Past> {
        let mut all: Vec<Past> = Vec::new();
        for at in events {
            match all.last_mut().filter(|session| at < session.last + gap) {
                Some(session) => (session.last, session.events) = (at, session.events.saturating_add(1)),
                None => all.push(Past { first: at, last: at, events: 1 }),
            }
        }
        let own = Past { first: self.first, last: self.last, events: self.events };
        let is_all = all.len() == self.number as usize && all.pop() == Some(own);
        if is_all { all } else { Vec::new() }
    }
}

/// A session that is over, of a profile that may turn out to have been somebody else's in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Past {
    pub(crate) first: Instant,
    pub(crate) last: Instant,
    pub(crate) events: u32,
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
        let merged = |sessions: &[Session]| {
            Session::together(sessions.iter().map(|session| (*session, &[][..])), gap).0
        };
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
