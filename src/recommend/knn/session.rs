use crate::model::{Bytes, Instant, Malformed, Record};
use crate::recommend::{Action, ITEMS_MAX, ItemId};

/// How many visits a session holds, so that it fills a cache line of 64 bytes.
pub(super) const SESSION_LEN: usize = 11;
/// With how many of its last visits a session that has become too long goes on in a new one.
pub(super) const CARRIED: usize = 2;

/// The actions by their number; the number of an action is its place in the enum.
const ACTIONS: [Action; 12] = [
    Action::Viewed,
    Action::Liked,
    Action::Saved,
    Action::Added,
    Action::Bought,
    Action::Played,
    Action::Finished,
    Action::Chose,
    Action::Dismissed,
    Action::Returned,
    Action::Skipped,
    Action::Shown,
];

/// An item and what was done with it, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit(u32);

// 28 bits for the item, 4 for the action.
const _: () = assert!(ITEMS_MAX <= 1 << 28 && ACTIONS.len() <= 16);

impl Visit {
    pub(super) const fn new(item: ItemId, action: Action) -> Visit {
        Visit(item.number() << 4 | action as u32)
    }

    pub(super) const fn item(self) -> ItemId {
        ItemId::new(self.0 >> 4)
    }

    pub(super) fn action(self) -> Action {
        ACTIONS[(self.0 & 15) as usize]
    }
}

impl Record for Visit {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Visit, Malformed> {
        let is_valid = |bits: &u32| *bits >> 4 < ITEMS_MAX as u32 && bits & 15 < ACTIONS.len() as u32;
        from.valid("a visit", is_valid).map(Visit)
    }
}

/// What a user did without a long pause, or a part of it: visits in order, an item as often as it was visited. One line of
/// the cache holds it.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Session {
    /// Whose; none of ours where it is [`is_foreign`](Session::is_foreign), and without meaning where it is empty.
    pub(super) user: u32,
    /// Number of the user's session before this one, if that is still kept; else its own number.
    pub(super) earlier: u32,
    /// Of the newest visit.
    pub(super) at: Instant,
    len: u8,
    /// It goes on from the user's session before, with whose last [`CARRIED`] visits it begins.
    pub(super) goes_on: bool,
    /// It came with a merge, and its user has a number of another partition.
    pub(super) is_foreign: bool,
    visits: [Visit; SESSION_LEN],
}

const _: () = assert!(size_of::<Session>() == 64);

impl Session {
    /// Nobody's: of a user who was forgotten.
    pub(super) const EMPTY: Session = Session {
        user: 0,
        earlier: 0,
        at: Instant::MIN,
        len: 0,
        goes_on: false,
        is_foreign: false,
        visits: [Visit(0); SESSION_LEN],
    };

    /// One that begins.
    pub(super) const fn new(user: u32, at: Instant) -> Session {
        Session { user, at, ..Session::EMPTY }
    }

    /// Oldest first.
    pub(super) fn visits(&self) -> &[Visit] {
        &self.visits[..usize::from(self.len)]
    }

    /// The visits that are not in the session before, oldest first.
    pub(super) fn own_visits(&self) -> &[Visit] {
        &self.visits()[if self.goes_on { CARRIED } else { 0 }..]
    }

    /// Each item once, by its first visit.
    pub(super) fn items(&self) -> impl Iterator<Item = ItemId> + '_ {
        let visits = self.visits();
        let items = visits.iter().map(|visit| visit.item()).enumerate();
        items.filter(|(place, item)| !holds(&visits[..*place], *item)).map(|(_, item)| item)
    }

    pub(super) fn holds(&self, item: ItemId) -> bool {
        holds(self.visits(), item)
    }

    /// Whether it tells something: what went with what.
    pub(super) fn is_telling(&self) -> bool {
        self.len > 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn is_full(&self) -> bool {
        usize::from(self.len) == SESSION_LEN
    }

    /// Adds a visit to one that is not full.
    pub(super) fn push(&mut self, visit: Visit) {
        self.visits[usize::from(self.len)] = visit;
        self.len += 1;
    }

    /// What goes on after a session that is full.
    pub(super) fn continued(&self) -> Session {
        let mut next = Session { goes_on: true, ..Session::new(self.user, self.at) };
        self.visits()[SESSION_LEN - CARRIED..].iter().for_each(|visit| next.push(*visit));
        next
    }

    /// The same session where items have other numbers.
    pub(super) fn renamed(mut self, number: impl Fn(ItemId) -> ItemId) -> Session {
        for visit in &mut self.visits[..usize::from(self.len)] {
            *visit = Visit::new(number(visit.item()), visit.action());
        }
        self
    }
}

fn holds(visits: &[Visit], item: ItemId) -> bool {
    visits.iter().any(|visit| visit.item() == item)
}

/// How it is written: number of visits and two flags in a byte, and nothing more of an empty one. `earlier` follows
/// from the others.
impl Record for Session {
    fn write(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.goes_on) << 4 | u8::from(self.is_foreign) << 5;
        (self.len | flags).write(out);
        if !self.is_empty() {
            (self.user, self.at).write(out);
            self.visits().iter().for_each(|visit| visit.write(out));
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Session, Malformed> {
        let is_valid = |byte: &u8| {
            let (len, carried) = (usize::from(byte & 15), if byte & 16 != 0 { CARRIED } else { 0 });
            byte >> 6 == 0 && len <= SESSION_LEN && if len == 0 { *byte == 0 } else { len > carried }
        };
        let byte = from.valid("the length of a session", is_valid)?;
        if byte == 0 {
            return Ok(Session::EMPTY);
        }
        let (user, at) = from.read()?;
        let mut session = Session::new(user, at);
        (session.goes_on, session.is_foreign) = (byte & 16 != 0, byte & 32 != 0);
        for _ in 0..byte & 15 {
            session.push(from.read()?);
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_holds_any_item_and_action() {
        for action in ACTIONS {
            for number in [0, 1, ITEMS_MAX as u32 - 1] {
                let visit = Visit::new(ItemId::new(number), action);
                assert_eq!((visit.item().number(), visit.action()), (number, action));
                let mut bytes = Vec::new();
                visit.write(&mut bytes);
                assert_eq!(Visit::read(&mut Bytes::new(&bytes)), Ok(visit));
            }
        }
        for bits in [15_u32, u32::MAX] {
            let mut bytes = Vec::new();
            bits.write(&mut bytes);
            assert!(Visit::read(&mut Bytes::new(&bytes)).is_err());
        }
    }
}
