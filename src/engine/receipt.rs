use crate::model::{Bytes, Instant, Malformed, Pieces, Record, Shared, record, stable_hash};
use serde::Serialize;

/// What is left to show of an erasure: when, what and how much, and nothing of whom.
///
/// Receipts are chained: the id of each follows from all that it says and from the id of the one before, so that none
/// can be changed or left out unnoticed. The hash is no signature: whoever may write the state can write another chain.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Partition;
/// use bespoke::model::{Instant, Message};
///
/// let definitions = Definitions::from_toml("version = 1\n[attributes]\nage = \"number\"")?;
/// let mut partition = Partition::new(&definitions);
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// partition.ingest(&Message::identify("ada").with("age", 37), now)?;
///
/// let receipt = partition.ingest(&Message::forget("ada"), now)?.receipt.unwrap();
/// assert_eq!((receipt.erased.attributes, receipt.position), (1, 2));
/// assert!(receipt.follows(None));
/// assert_eq!(partition.receipts_of("ada"), [&receipt]); // asked with the id, which nobody keeps
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Follows from everything else: 32 hexadecimal digits.
    pub id: String,
    /// The id of the receipt before, if there was one.
    pub previous: Option<String>,
    /// The salted hash of the id that the user was known by: 32 hexadecimal digits.
    pub user: String,
    /// The salted hashes of all its ids, in order; of a user who was not known, of the id that the message named.
    pub ids: Vec<String>,
    /// The instant of the message that asked for it.
    pub asked: Instant,
    /// The clock at which it was done: all of it, at once.
    pub done: Instant,
    /// Number of the input that asked for it.
    pub position: u64,
    /// What is gone.
    pub erased: Erased,
    /// Where something of the user stays, as a part of what is counted over all users.
    pub remains: Vec<Remains>,
}

/// How much is gone of an erased user; all 0 of one who was not known.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Erased}, model::{Ids, Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[segments]\nkeen = 'count(view in 7d) >= 2'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// for _ in 0..2 {
///     engine.ingest(Message::track(Ids::both("ada", "device-1"), "view"), now)?;
/// }
/// let forget = |user: &str| engine.ingest(Message::forget(user), now).map(|outcome| outcome.receipt);
/// let erased = forget("ada")?.ok_or("no receipt")?.erased;
/// assert_eq!((erased.ids, erased.events, erased.memberships), (2, 2, 1));
/// let of_nobody = forget("bob")?.ok_or("no receipt")?; // who asks has a receipt, known or not
/// assert_eq!(of_nobody.erased, Erased::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Erased {
    /// User ids and devices.
    pub ids: u64,
    /// Attributes, lists, consents, predictions and variants, those that were unset too.
    pub attributes: u64,
    /// Events that definitions looked back at.
    pub events: u64,
    /// Values that the user had an affinity to.
    pub affinities: u64,
    /// Running values of aggregates over all time.
    pub totals: u64,
    /// Stays in segments, and in parts of keyed ones.
    pub memberships: u64,
    /// Journeys that the user was in.
    pub instances: u64,
    /// Actions that waited in the outbox, or were answered lately.
    pub actions: u64,
    /// Interactions with items that were subtracted from what recommenders count.
    pub interactions: u64,
}

/// Where something of an erased user stays.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Remains}, model::{Duration, Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[segments]\nkeen = 'did(view)'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::track("ada", "view").id("m-1"), now)?;
/// let receipt = engine.ingest(Message::forget("ada"), now)?.receipt.ok_or("no receipt")?;
/// let ids_until = receipt.remains.iter().find_map(|remains| match remains {
///     Remains::MessageIds(until) => Some(*until),
///     _ => None, // numbers over all users, and names of items
/// });
/// assert_eq!(ids_until, Some(now + Duration::days(14))); // hashes, twice the `dedup_window` at most
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remains {
    /// How often segments were entered and left.
    SegmentCounts,
    /// How often journeys did what, and how much passed through the outbox.
    JourneyCounts,
    /// Hashes of ids of messages, which name no user and are gone at this instant at the latest.
    MessageIds(Instant),
    /// The names of items that were seen, and when each was seen last.
    Items,
    /// A model counts what is not known to be this user's any more.
    Model {
        /// Which one: `co-visitation`, `popularity`, or `popularity` for a part of the context; `send times`, for
        /// segments and what has faded; `ease`, `als`, `explorer` and a recommender of the host's, which forget the user
        /// and tell nothing of what they have made of many.
        model: Box<str>,
        /// All of them were before this instant, or belong to a session that began before it; none where there is none.
        before: Option<Instant>,
    },
}

record!(Erased {
    ids,
    attributes,
    events,
    affinities,
    totals,
    memberships,
    instances,
    actions,
    interactions
});

impl Record for Remains {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Remains::SegmentCounts => 0_u8.write(out),
            Remains::JourneyCounts => 1_u8.write(out),
            Remains::MessageIds(until) => (2_u8, *until).write(out),
            Remains::Items => 3_u8.write(out),
            Remains::Model { model, before } => {
                4_u8.write(out);
                model.write(out);
                before.write(out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Remains, Malformed> {
        Ok(match from.read::<u8>()? {
            0 => Remains::SegmentCounts,
            1 => Remains::JourneyCounts,
            2 => Remains::MessageIds(from.read()?),
            3 => Remains::Items,
            4 => Remains::Model { model: from.read()?, before: from.read()? },
            _ => return Err(from.malformed("what remains")),
        })
    }
}

record!(Receipt { id, previous, user, ids, asked, done, position, erased, remains });

impl Receipt {
    /// Whether this is, unchanged, the receipt that came behind another one; behind none, the first.
    #[must_use]
    pub fn follows(&self, previous: Option<&Receipt>) -> bool {
        self.previous.as_deref() == previous.map(|previous| &*previous.id) && self.id == self.hash()
    }

    /// The salted hash of the name that the user had.
    pub(super) fn subject(&self) -> u128 {
        u128::from_str_radix(&self.user, 16).unwrap_or_default()
    }

    /// The salted hashes of all its ids.
    pub(super) fn hashes(&self) -> impl Iterator<Item = u128> + '_ {
        self.ids.iter().filter_map(|id| u128::from_str_radix(id, 16).ok())
    }

    fn hash(&self) -> String {
        let mut bytes = Vec::new();
        Receipt { id: String::new(), ..self.clone() }.write(&mut bytes);
        format!("{:032x}", stable_hash(&[b"receipt", &bytes]))
    }
}

/// All receipts of a partition, in order. None of them changes, so a checkpoint writes only those that are new.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Receipts(Shared<Receipt, 64>);

impl Receipts {
    /// Adds one, which says all but the ids of the chain.
    pub(crate) fn add(&mut self, mut receipt: Receipt) -> &Receipt {
        receipt.previous = self.0.len().checked_sub(1).map(|last| self.0[last].id.clone());
        receipt.id = receipt.hash();
        self.0.push(receipt);
        &self.0[self.0.len() - 1]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Receipt> {
        self.0.iter()
    }

    /// What is to be written of them.
    pub(crate) fn write_later(&self, pieces: &mut Pieces) {
        pieces.push_now(|out| self.0.len().write(out));
        self.0.write_later(0, Receipt::write, pieces);
    }

    pub(crate) fn read(from: &mut Bytes<'_>) -> Result<Receipts, Malformed> {
        let count = from.len("receipts")?;
        Ok(Receipts((0..count).map(|_| from.read()).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(position: u64) -> Receipt {
        let before = Some(Instant::from_millis(7));
        Receipt {
            id: String::new(),
            previous: None,
            user: "u".into(),
            ids: vec!["u".into()],
            asked: Instant::from_millis(1),
            done: Instant::from_millis(2),
            position,
            erased: Erased { events: 3, ..Erased::default() },
            remains: vec![
                Remains::SegmentCounts,
                Remains::JourneyCounts,
                Remains::MessageIds(Instant::from_millis(9)),
                Remains::Items,
                Remains::Model { model: "popularity".into(), before },
            ],
        }
    }

    #[test]
    fn what_was_changed_or_left_out_breaks_the_chain() {
        let mut receipts = Receipts::default();
        (1..4).for_each(|position| drop(receipts.add(receipt(position)).clone()));
        let all: Vec<&Receipt> = receipts.all().collect();
        let [first, second, third] = all[..] else { panic!("there are three") };
        assert!(first.follows(None) && second.follows(Some(first)) && third.follows(Some(second)));
        assert!(!third.follows(Some(first)) && !second.follows(None));
        let changed = Receipt { asked: Instant::from_millis(0), ..second.clone() };
        assert!(!changed.follows(Some(first)));
    }

    #[test]
    fn bytes_are_read_back() {
        let mut receipts = Receipts::default();
        receipts.add(receipt(1));
        receipts.add(receipt(2));
        let mut bytes = Vec::new();
        Pieces::all(|pieces| receipts.write_later(pieces), &mut bytes);
        let mut from = Bytes::new(&bytes);
        assert!(Receipts::read(&mut from).unwrap().all().eq(receipts.all()));
        from.end().unwrap();
    }
}
