use crate::model::record_choice;
use crate::recommend::{ItemId, Items};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What a user did with an item, in the past tense as reasons print it. Definitions say which event means which.
///
/// ```
/// use bespoke::recommend::{Action, Interaction, Items};
/// # let (mut items, now) = (Items::new(), bespoke::model::Instant::from_millis(0));
/// let weight = |action| match action {
///     Action::Bought => 5.0,
///     Action::Dismissed | Action::Returned => -1.0,
///     _ => 1.0,
/// };
/// let returned = Interaction::new(7, items.intern("boot-7")?, now).with_action(Action::Returned);
/// assert_eq!(returned.weight(), 1.0); // the action alone says nothing against the item
/// assert_eq!(returned.with_weight(weight(returned.action())).weight(), -1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Looked at it.
    #[default]
    Viewed,
    /// Gave it a good mark.
    Liked,
    /// Put it aside for later.
    Saved,
    /// Put it into a basket or a list.
    Added,
    /// Paid for it.
    Bought,
    /// Listened to or watched it, or played it.
    Played,
    /// Came to its end: a course, a workout, a book.
    Finished,
    /// Anything else.
    Chose,
    /// Said that it is not wanted.
    Dismissed,
    /// Gave it back.
    Returned,
    /// Went past it.
    Skipped,
    /// Was shown it, and nothing more.
    Shown,
}

record_choice! {
    Action {
        0 => Viewed,
        1 => Liked,
        2 => Saved,
        3 => Added,
        4 => Bought,
        5 => Played,
        6 => Finished,
        7 => Chose,
        8 => Dismissed,
        9 => Returned,
        10 => Skipped,
        11 => Shown,
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Viewed => "viewed",
            Action::Liked => "liked",
            Action::Saved => "saved",
            Action::Added => "added",
            Action::Bought => "bought",
            Action::Played => "played",
            Action::Finished => "finished",
            Action::Chose => "chose",
            Action::Dismissed => "dismissed",
            Action::Returned => "returned",
            Action::Skipped => "skipped",
            Action::Shown => "were shown",
        })
    }
}

/// Why an item is recommended: data to act on; [`display`](Reason::display) gives the words.
///
/// ```
/// use bespoke::recommend::{Action, Reason};
/// let heading = |reason: &Reason| match reason {
///     Reason::Because { action: Action::Bought, .. } => "For what you have",
///     Reason::Popular | Reason::PopularFor { .. } => "What others choose",
///     _ => "You may like",
/// };
/// let reason = Reason::PopularFor { key: "place".into(), value: "gym".into() };
/// assert_eq!(heading(&reason), "What others choose");
/// assert_eq!(reason.item(), None); // it rests on no item, so there is no picture to show beside it
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// `because you viewed boot-7`
    Because {
        /// What the user did.
        action: Action,
        /// With which item.
        item: ItemId,
    },
    /// `similar to boot-7`
    Similar {
        /// To which item of the query.
        item: ItemId,
    },
    /// `new to most, and similar to boot-7`: hardly anybody touched the item yet.
    NewLike {
        /// To which item, of those that are recommended.
        item: ItemId,
    },
    /// `often bought with boot-7`
    BoughtWith {
        /// With which item of the query.
        item: ItemId,
    },
    /// `you may want it again`
    Again,
    /// `you viewed it before`, and people come back to what they did so with
    Before {
        /// What was done with it.
        action: Action,
    },
    /// `popular now`
    Popular,
    /// `popular now for gym`; a number says what it counts, `for hour 18`
    PopularFor {
        /// Which part of the context.
        #[serde(serialize_with = "text")]
        key: Arc<str>,
        /// Its value.
        #[serde(serialize_with = "text")]
        value: Arc<str>,
    },
    /// `on the rise`
    Rising,
    /// `on the rise for gym`
    RisingFor {
        /// Which part of the context.
        #[serde(serialize_with = "text")]
        key: Arc<str>,
        /// Its value.
        #[serde(serialize_with = "text")]
        value: Arc<str>,
    },
    /// `right for your level`: about as difficult as was asked for.
    Level,
    /// A host's own reason, printed as it is.
    Other(Box<str>),
}

/// Shared text as plain text: serde leaves `Arc` to a feature.
pub(super) fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl Reason {
    /// The reason in words, with the text ids of items.
    ///
    /// ```
    /// use bespoke::recommend::{Action, Items, Reason};
    /// let mut items = Items::new();
    /// let reason = Reason::Because { action: Action::Bought, item: items.intern("boot-7")? };
    /// assert_eq!(reason.display(&items).to_string(), "because you bought boot-7");
    /// # Ok::<(), bespoke::recommend::Error>(())
    /// ```
    #[must_use]
    pub fn display<'a>(&'a self, items: &'a Items) -> ReasonDisplay<'a> {
        ReasonDisplay { reason: self, items }
    }

    /// The same where the item that it rests on has another number, and something may be known of what was done with it.
    pub(crate) fn about(&self, item: ItemId, done: Option<Action>) -> Reason {
        match self {
            Reason::Because { action, .. } => Reason::Because { action: done.unwrap_or(*action), item },
            Reason::Similar { .. } => Reason::Similar { item },
            Reason::NewLike { .. } => Reason::NewLike { item },
            Reason::BoughtWith { .. } => Reason::BoughtWith { item },
            other => other.clone(),
        }
    }

    /// The item that the recommendation rests on, if it rests on one.
    #[must_use]
    pub fn item(&self) -> Option<ItemId> {
        match self {
            Reason::Because { item, .. } | Reason::Similar { item } => Some(*item),
            Reason::NewLike { item } | Reason::BoughtWith { item } => Some(*item),
            Reason::Again | Reason::Before { .. } | Reason::Popular | Reason::PopularFor { .. } => None,
            Reason::Rising | Reason::RisingFor { .. } | Reason::Level | Reason::Other(_) => None,
        }
    }
}

/// Prints a [`Reason`]; made by [`Reason::display`].
///
/// ```
/// use bespoke::recommend::{Items, Reason};
/// let mut items = Items::new();
/// let reason = Reason::Similar { item: items.intern("boot-7")? };
/// assert_eq!(format!("Picked: {}", reason.display(&items)), "Picked: similar to boot-7");
/// // A reason holds the number of an item, and only the items that gave it know the name.
/// assert_eq!(reason.display(&Items::new()).to_string(), "similar to an unknown item");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReasonDisplay<'a> {
    reason: &'a Reason,
    items: &'a Items,
}

impl fmt::Display for ReasonDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An item of other `Items` is a slip of the host; the sentence stays readable.
        self.reason.write(f, |item| self.items.name(item).unwrap_or("an unknown item"))
    }
}

impl Reason {
    /// The reason in words, with what items are called.
    pub(crate) fn in_words<'n>(&self, name: impl Fn(ItemId) -> &'n str) -> String {
        let mut words = String::new();
        // A string takes all that is written to it.
        let _ = self.write(&mut words, name);
        words
    }

    fn write<'n>(&self, f: &mut impl fmt::Write, name: impl Fn(ItemId) -> &'n str) -> fmt::Result {
        let name = |item: &ItemId| name(*item);
        match self {
            Reason::Because { action, item } => write!(f, "because you {action} {}", name(item)),
            Reason::Similar { item } => write!(f, "similar to {}", name(item)),
            Reason::NewLike { item } => write!(f, "new to most, and similar to {}", name(item)),
            Reason::BoughtWith { item } => write!(f, "often bought with {}", name(item)),
            Reason::Again => f.write_str("you may want it again"),
            Reason::Before { action } => write!(f, "you {action} it before"),
            Reason::Popular => f.write_str("popular now"),
            Reason::PopularFor { key, value } => write!(f, "popular now for {}", Part(key, value)),
            Reason::Rising => f.write_str("on the rise"),
            Reason::RisingFor { key, value } => write!(f, "on the rise for {}", Part(key, value)),
            Reason::Level => f.write_str("right for your level"),
            Reason::Other(words) => f.write_str(words),
        }
    }
}

/// A part of the context, and its value, as a person would name it: where the value says what it is, by that alone.
struct Part<'a>(&'a str, &'a str);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part(key, value) = self;
        match *value {
            "true" => f.write_str(key),
            "false" => write!(f, "{key} {value}"),
            _ if value.parse::<f64>().is_ok() => write!(f, "{key} {value}"),
            _ => f.write_str(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_in_words_and_as_data() {
        let mut items = Items::new();
        let item = items.intern("boot-7").unwrap();
        let part = |key: &str, value: &str| Reason::PopularFor { key: key.into(), value: value.into() };
        for (reason, words, json) in [
            (
                Reason::Because { action: Action::Viewed, item },
                "because you viewed boot-7",
                r#"{"because":{"action":"viewed","item":0}}"#,
            ),
            (Reason::Similar { item }, "similar to boot-7", r#"{"similar":{"item":0}}"#),
            (Reason::NewLike { item }, "new to most, and similar to boot-7", r#"{"new_like":{"item":0}}"#),
            (Reason::BoughtWith { item }, "often bought with boot-7", r#"{"bought_with":{"item":0}}"#),
            (Reason::Popular, "popular now", r#""popular""#),
            (Reason::Level, "right for your level", r#""level""#),
            (part("place", "gym"), "popular now for gym", r#"{"popular_for":{"key":"place","value":"gym"}}"#),
            (part("hour", "18"), "popular now for hour 18", r#"{"popular_for":{"key":"hour","value":"18"}}"#),
            (
                part("weekend", "true"),
                "popular now for weekend",
                r#"{"popular_for":{"key":"weekend","value":"true"}}"#,
            ),
            (Reason::Other("editor's choice".into()), "editor's choice", r#"{"other":"editor's choice"}"#),
        ] {
            assert_eq!(reason.display(&items).to_string(), words);
            assert_eq!(serde_json::to_string(&reason).unwrap(), json);
        }
        assert_eq!(Reason::Similar { item }.display(&Items::new()).to_string(), "similar to an unknown item");
    }
}
