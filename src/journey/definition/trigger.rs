use crate::model::Duration;
use crate::trigger::LocalTime;

/// Something that happens to a user.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// An event.
    Event {
        /// Its name.
        event: Box<str>,
        /// What must hold of it, as behind `where`; empty for nothing.
        condition: Box<str>,
        /// The property whose value keys the instance; without it there is one instance a user.
        key: Option<Box<str>>,
    },
    /// The user entered a segment; the key of a keyed one keys the instance.
    SegmentEntered(Box<str>),
    /// The user left a segment.
    SegmentLeft(Box<str>),
    /// An instant that an attribute holds, or its anniversary.
    Date {
        /// The attribute.
        attribute: Box<str>,
        /// So long after it; before it where negative.
        offset: Duration,
        /// Every year again.
        yearly: bool,
        /// At this local time of that day, in the user's zone; none for the time of day that the attribute has.
        at: Option<LocalTime>,
    },
    /// A cron text in the user's zone: minute, hour, day of the month, month, day of the week.
    Cron(Box<str>),
    /// A change of an item of the catalogue that was there before; its id keys the instance.
    Item {
        /// Which change.
        change: ItemChange,
        /// What must hold of the item, with `old.NAME` as it was, and of the user; empty for nothing.
        condition: Box<str>,
        /// The property of events that is the id of an item: the audience looks at the events about the item then, as a
        /// segment does that is keyed by it.
        key: Option<Box<str>>,
    },
    /// The host asks for it.
    Call {
        /// The property of the call whose value keys the instance.
        key: Option<Box<str>>,
    },
}

/// A change of an item of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemChange {
    /// Its `price` is lower than before.
    PriceDrop,
    /// It was not available and is: its `stock` was 0 and is more, or `available` was `false`.
    BackInStock,
    /// Any attribute is another one.
    Any,
}
