use crate::model::Duration;
use crate::trigger::LocalTime;

/// Something that happens to a user.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [attributes]
/// #     trial_ends = "instant"
/// #     [events.signup]
/// #     plan = "string"
/// #     [segments]
/// #     on_trial = 'did(signup where plan = "trial")'
/// #     [templates.tips]
/// #     title = "Make the most of it"
/// #     [journeys.trial]
/// #     enter = TRIGGER
/// #     step = [{ id = "tips", send = { channel = "email", template = "tips" } }]
/// # "#;
/// # let monday: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let saturday: Instant = "2026-11-28T12:00:00Z".parse()?;
/// # let messages = [
/// #     Message::identify("ada").with("trial_ends", saturday).at(monday),
/// #     Message::track("ada", "signup").with("plan", "trial").at(monday),
/// # ];
/// # let entered = |trigger: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("TRIGGER", trigger))?;
/// #     Ok(simulate(&definitions, &messages, "2026-11-29T00:00:00Z".parse()?).actions[0].at.to_string())
/// # };
/// // Ada signs up on Monday at 10:00 for a trial that ends on Saturday at noon. When she enters:
/// assert_eq!(entered(r#"{ event = "signup", where = 'plan = "trial"' }"#)?, "2026-11-23T10:00:00Z");
/// assert_eq!(entered(r#"{ segment_entered = "on_trial" }"#)?, "2026-11-23T10:00:00Z");
/// assert_eq!(entered(r#"{ date = "trial_ends", offset = "-1d" }"#)?, "2026-11-27T12:00:00Z");
/// assert_eq!(entered(r#"{ date = "trial_ends", offset = "-1d", at = "09:00" }"#)?, "2026-11-27T09:00:00Z");
/// assert_eq!(entered(r#"{ cron = "0 18 * * MON-FRI" }"#)?, "2026-11-23T18:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::simulate, model::{Instant, Message}};
/// # let text = r#"
/// #     version = 1
/// #     [catalogue]
/// #     price = "number"
/// #     stock = "number"
/// #     [events.view]
/// #     [templates.news]
/// #     title = "News of what you like"
/// #     [journeys.news]
/// #     enter = { item = "CHANGE" }
/// #     step = [{ id = "tell", send = { channel = "push", template = "news" } }]
/// # "#;
/// # let at = |clock: &str| format!("2026-11-23T{clock}:00Z").parse::<Instant>();
/// # let boot = |clock: &str, price: i64, stock: i64| -> Result<_, Box<dyn std::error::Error>> {
/// #     Ok(Message::item("boot").with("price", price).with("stock", stock).at(at(clock)?))
/// # };
/// # let messages = [
/// #     Message::track("ada", "view").at(at("09:00")?),
/// #     boot("10:00", 100, 0)?, boot("11:00", 80, 0)?, boot("12:00", 80, 5)?, boot("13:00", 90, 5)?,
/// # ];
/// # let entered = |change: &str| -> Result<_, Box<dyn std::error::Error>> {
/// #     let definitions = Definitions::from_toml(&text.replace("CHANGE", change))?;
/// #     let actions = simulate(&definitions, &messages, at("23:00")?).actions;
/// #     Ok(actions.iter().map(|action| action.at.to_string()[11..16].to_owned()).collect::<Vec<_>>())
/// # };
/// // A boot comes into the catalogue at 10:00, for 100 and sold out. At 11:00 it costs 80, at 12:00 there are five of
/// // it, and at 13:00 it costs 90.
/// assert_eq!(entered("price_drop")?, ["11:00"]);
/// assert_eq!(entered("back_in_stock")?, ["12:00"]);
/// assert_eq!(entered("change")?, ["11:00", "12:00", "13:00"]); // what is new begins nothing
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemChange {
    /// Its `price` is lower than before.
    PriceDrop,
    /// It was not available and is: its `stock` was 0 and is more, or `available` was `false`.
    BackInStock,
    /// Any attribute is another one.
    Any,
}
