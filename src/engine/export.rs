//! All that is kept of one user, for the user.

use crate::engine::{Engine, Error, Partition};
use crate::journey::{JourneyStay, MessageKept};
use crate::model::{Explanation, Instant, Value};
use crate::predict::Rating;
use crate::profile::{
    ConfirmedMerge, ConsentRecord, Event, Exposure, Fact, SessionSummary, TotalOp, UserKey, UserProfile,
    Weighed,
};
use crate::segment::{Pii, SegmentId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// All that is kept of a user and all that follows from it, with reasons. As JSON it can be given to the user: names
/// are words, lists have an order that does not change, instants are milliseconds since 1970 as everywhere.
///
/// Where a value comes from is told by the instant of what wrote it; what follows from events says which. Debugging
/// shows whose it is and how much, and none of the values.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[attributes]\nemail = \"string\"")?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::identify("ada").with("email", "ada@example.com"), now)?;
/// let export = engine.export("ada")?;
/// let for_the_user = serde_json::to_string_pretty(&export)?;
/// assert!(for_the_user.contains("ada@example.com"));
/// assert!(!format!("{export:?}").contains("ada@example.com")); // so it may stand in a log
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Export {
    /// When it was made: the clock of the engine.
    pub at: Instant,
    /// The user id, or while there is none the first anonymous one.
    pub user: String,
    /// All its user ids: at most one.
    pub user_id: Option<String>,
    /// User ids that name it besides, because the host merged the users.
    pub former_ids: Vec<String>,
    /// The devices that belong to it.
    pub anonymous_ids: Vec<String>,
    /// Its ids of declared kinds, by kind.
    pub ids: BTreeMap<String, Vec<String>>,
    /// The merges of users that the host confirmed, oldest first, each with its reason.
    pub merges: Vec<ConfirmedMerge>,
    /// The id that stable numbers are drawn by.
    pub bucketing_id: String,
    /// Instant of its earliest message.
    pub first_seen: Instant,
    /// Instant of its latest message.
    pub last_seen: Instant,
    /// Whether it is not to be processed.
    pub restricted: bool,
    /// Its latest session, if there was one.
    pub session: Option<SessionSummary>,
    /// What hosts said of it, by name.
    pub attributes: BTreeMap<String, Written>,
    /// The lists it is on, each with when it was put there.
    pub lists: BTreeMap<String, Written>,
    /// What it agrees to, in order of purpose and channel; with what has expired.
    pub consents: Vec<ConsentRecord>,
    /// What models say of it, by name.
    pub predictions: BTreeMap<String, Written>,
    /// The variant that was shown last, by placement.
    pub variants: BTreeMap<String, Written>,
    /// The arms of experiments that it was exposed to, each with when for the first time.
    pub exposures: Vec<Exposure>,
    /// The events that definitions keep, oldest first; with those that the engine recorded itself: messages sent,
    /// decisions shown.
    pub events: Vec<Event>,
    /// What events of which none is kept add up to.
    pub running_values: Vec<RunningValue>,
    /// What it is drawn to, by property and value.
    pub affinities: Vec<Affinity>,
    /// What it did last, as recommenders know it, newest first.
    pub recent_items: Vec<RecentItem>,
    /// How able it is, where definitions say what is an attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<Rating>,
    /// The segments it is in, in order of definition, with why.
    pub segments: Vec<SegmentStay>,
    /// The journeys it is in, in order of definition.
    pub journeys: Vec<JourneyStay>,
    /// How often it has entered each journey.
    pub journeys_entered: BTreeMap<Arc<str>, u32>,
    /// Messages that wait, or that were answered lately.
    pub messages: Vec<MessageKept>,
    /// What the profile was merged of, while that can be undone: its own part first, and none where there was no merge.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ProfilePart>,
}

/// What is known of one of the people or devices that turned out to be one user, as if it had stayed on its own: kept
/// until the merge can be undone no longer (`undo_window`).
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Ids, Instant, Message}};
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]\n[events.login]")?).open()?;
/// # let start = Instant::from_millis(0);
/// # let later = start + Duration::hours(1);
/// engine.ingest(Message::track(Ids::anonymous("device-1"), "view"), start)?;
/// engine.ingest(Message::track("ada", "view"), start)?;
/// engine.ingest(Message::track(Ids::both("ada", "device-1"), "login"), later)?;
/// let parts = engine.export("ada")?.parts;
/// assert_eq!((&*parts[0].profile.user, parts[0].absorbed), ("ada", None));
/// assert_eq!((&*parts[1].profile.user, parts[1].absorbed), ("device-1", Some(later)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct ProfilePart {
    /// When it was absorbed; nothing for the profile's own part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absorbed: Option<Instant>,
    /// What is known of it.
    pub profile: UserProfile,
}

/// A value, and when it was written.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Instant, Message}, segment::Pii};
/// # let text = "version = 1\n[attributes]\nborn = { kind = \"string\", pii = \"quasi\" }";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let yesterday = Instant::from_millis(0);
/// # let now = yesterday + Duration::days(1);
/// engine.ingest(Message::identify("ada").with("born", "1815-12-10").at(yesterday), now)?;
/// let born = &engine.export("ada")?.attributes["born"];
/// assert_eq!(born.value, "1815-12-10".into());
/// assert_eq!(born.written, yesterday); // by the message's own instant, not by when it came
/// assert_eq!(born.pii, Some(Pii::Quasi));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Written {
    /// What it is; as it is kept, so of some a hash.
    pub value: Value,
    /// The instant of the message or input that wrote it.
    pub written: Instant,
    /// What it tells of a person, where definitions say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pii: Option<Pii>,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("written", &self.written).finish_non_exhaustive()
    }
}

/// What events over all time add up to.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let text = "version = 1\n[events.order]\namount = \"number\"\n[segments]\nbig = 'sum(order.amount) > 100'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// for amount in [80, 45] {
///     engine.ingest(Message::track("ada", "order").with("amount", amount), now)?;
/// }
/// let export = engine.export("ada")?; // `sum(order.amount) > 100` is asked, over all time
/// let sum = &export.running_values[0];
/// assert_eq!((sum.aggregate, &sum.value), ("sum", &125.into()));
/// assert!(export.events.is_empty()); // of the orders themselves nothing is kept
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunningValue {
    /// `count`, `sum`, `avg`, `min`, `max`, `first` or `last`.
    pub aggregate: &'static str,
    /// Of which events; empty for all.
    pub events: Vec<String>,
    /// The properties that it or its condition reads.
    pub properties: Vec<String>,
    /// What it is; of an average the sum.
    pub value: Value,
    /// How many events, of a count, or numbers, of an average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// The instant of the event that the value is of, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
}

impl fmt::Debug for RunningValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RunningValue");
        shown.field("aggregate", &self.aggregate).field("events", &self.events);
        shown.field("properties", &self.properties).finish_non_exhaustive()
    }
}

/// A value of a property that a user is drawn to.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let text = "version = 1\n[events.view]\ncategory = \"string\"\n\
/// #     [segments]\nbooted = 'affinity(\"category\", \"boots\") > 0.5'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// for category in ["boots", "hats", "boots", "boots"] {
///     engine.ingest(Message::track("ada", "view").with("category", category), now)?;
/// }
/// let export = engine.export("ada")?; // `affinity("category", "boots") > 0.5` is asked
/// let boots = export.affinities.iter().find(|of| of.value == "boots".into());
/// assert_eq!(boots.map(|of| (&*of.property, of.share)), Some(("category", 0.75)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Affinity {
    /// The property.
    pub property: String,
    /// The value.
    pub value: Value,
    /// Its part of all that is known of the property, from 0 to 1.
    pub share: f64,
    /// The instant of the latest event with it.
    pub last_seen: Instant,
}

/// An item that a user did something with.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// use bespoke::recommend::Action;
/// # let text = "version = 1\n[events.view]\nsku = \"string\"\n[events.order]\nsku = \"string\"\n[recommend]\n\
/// #     interactions = { view = { item = \"sku\" }, order = { item = \"sku\", action = \"bought\" } }";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::track("ada", "order").with("sku", "sock-1"), now)?;
/// engine.ingest(Message::track("ada", "view").with("sku", "boot-7"), now)?;
/// let recent = engine.export("ada")?.recent_items; // newest first
/// assert_eq!((&*recent[0].item, recent[0].action), ("boot-7", Action::Viewed));
/// assert_eq!((&*recent[1].item, recent[1].action), ("sock-1", Action::Bought));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecentItem {
    /// Its id.
    pub item: String,
    /// What was done with it.
    pub action: crate::recommend::Action,
}

/// A segment that a user is in.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Instant, Message}};
/// # let text = "version = 1\n[events.add]\ncart = \"string\"\n\
/// #     [segments]\nfull = { by = \"cart\", when = 'count(add in 1d) >= 2' }";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let start = Instant::from_millis(0);
/// for (minute, cart) in [(0, "c1"), (1, "c1"), (2, "c2"), (3, "c2")] {
///     engine.ingest(Message::track("ada", "add").with("cart", cart), start + Duration::minutes(minute))?;
/// }
/// let stay = &engine.export("ada")?.segments[0]; // `full` is keyed by `cart`
/// assert_eq!(stay.keys, ["c1".into(), "c2".into()]);
/// assert_eq!(stay.since, start + Duration::minutes(1)); // of the first cart
/// assert!(stay.why.holds);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentStay {
    /// Its name.
    pub segment: Arc<str>,
    /// Of a keyed one, in which parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Value>,
    /// Since when; of a keyed one, of the longest stay.
    pub since: Instant,
    /// Why.
    pub why: Explanation,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Export");
        shown.field("at", &self.at).field("user", &self.user);
        for (name, count) in [
            ("attributes", self.attributes.len()),
            ("events", self.events.len()),
            ("segments", self.segments.len()),
            ("messages", self.messages.len()),
        ] {
            shown.field(name, &count);
        }
        shown.finish_non_exhaustive()
    }
}

impl Partition {
    /// All that is kept of a user and all that follows from it, with reasons, by user id or anonymous id.
    ///
    /// Compiles the text of every segment that the user is in: for whoever asks for their data, not for every request.
    ///
    /// ```
    /// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [attributes]
    ///     plan = "string"
    ///     [segments]
    ///     pro = 'plan = "pro"'
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::identify("ada").with("plan", "pro"), now)?;
    /// let json = serde_json::to_value(partition.export("ada")?)?;
    /// assert_eq!(json["attributes"]["plan"]["value"], "pro");
    /// assert_eq!(json["segments"][0]["segment"], "pro");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An unknown user.
    pub fn export(&self, user: &str) -> Result<Export, Error> {
        let key = self.known(user)?;
        let profile = self.store.user_profile(key, self.clock);
        let (mut attributes, mut lists) = (BTreeMap::new(), BTreeMap::new());
        let (mut predictions, mut variants) = (BTreeMap::new(), BTreeMap::new());
        for attribute in self.store.get(key).attributes.iter().filter(|a| !a.value.is_missing()) {
            let name = self.store.symbols.text(attribute.name);
            let (table, name, pii) = match Fact::of(name) {
                None => (&mut attributes, name, self.compiled.schema.attribute_tags(name).pii),
                Some(Fact::List(list)) => (&mut lists, list, None),
                Some(Fact::Prediction(name)) => (&mut predictions, name, None),
                Some(Fact::Variant(placement)) => (&mut variants, placement, None),
                Some(_) => continue,
            };
            let value = self.store.symbols.value(attribute.value);
            table.insert(name.to_owned(), Written { value, written: attribute.written, pii });
        }
        let parts = self.store.get(key).parts().iter().map(|part| {
            let profile = self.store.shown(&part.profile, self.clock);
            ProfilePart { absorbed: part.absorbed, profile }
        });
        Ok(Export {
            at: self.clock,
            user: profile.user,
            user_id: profile.user_id,
            former_ids: profile.former_ids,
            anonymous_ids: profile.anonymous_ids,
            ids: profile.ids,
            merges: profile.merges,
            bucketing_id: profile.bucketing_id,
            first_seen: profile.first_seen,
            last_seen: profile.last_seen,
            restricted: profile.restricted,
            session: profile.session,
            attributes,
            lists,
            consents: profile.consents,
            predictions,
            variants,
            exposures: profile.exposures,
            events: profile.events,
            running_values: self.running_values(key),
            affinities: self.affinities(key),
            recent_items: self.models.recent_items(key),
            skill: self.skill(user, self.clock),
            segments: self.stays_with_reasons(user, key)?,
            journeys: self.journeys.stays_of(key),
            journeys_entered: self.journeys.entries_of(key).into_iter().collect(),
            messages: self.journeys.messages_of(key),
            parts: parts.collect(),
        })
    }

    fn stays_with_reasons(&self, user: &str, key: UserKey) -> Result<Vec<SegmentStay>, Error> {
        let plan = &self.compiled.plan;
        let memberships = &self.users[key.0 as usize].memberships;
        let stay = |(id, since): (SegmentId, Instant)| {
            let segment: Arc<str> = plan.name(id).into();
            let keys = memberships.stays_by_key(id).map(|(key, _)| self.store.symbols.value(key)).collect();
            let why = self.explain(user, &segment, self.clock)?;
            Ok(SegmentStay { segment, keys, since, why })
        };
        memberships.stays(plan).into_iter().map(stay).collect()
    }

    fn affinities(&self, user: UserKey) -> Vec<Affinity> {
        let plan = &self.compiled.plan;
        // A value that is missing marks a landmark and is none.
        let known = self.store.get(user).affinities.iter().filter(|known| !known.value.is_missing());
        let values: Vec<&Weighed> = known.collect();
        let all = |rule: u32| values.iter().filter(|of| of.rule == rule).map(|of| of.weight).sum();
        let affinity = |known: &&Weighed| {
            let total: f64 = all(known.rule);
            let property = plan.keep.property_name(plan.rules[known.rule as usize].property).to_owned();
            let share = if total > 0.0 { known.weight / total } else { 0.0 };
            Affinity { property, value: self.store.symbols.value(known.value), share, last_seen: known.seen }
        };
        let mut affinities: Vec<Affinity> = values.iter().map(affinity).collect();
        // Within a property the order is that in which values were seen, which merges keep.
        affinities.sort_by(|a, b| a.property.cmp(&b.property));
        affinities
    }

    fn running_values(&self, user: UserKey) -> Vec<RunningValue> {
        let plan = &self.compiled.plan;
        let totals = self.store.get(user).totals.iter().map(|row| {
            let op = plan.totals[row.id().0 as usize].op;
            let (events, properties) = plan.total_reads(row.id());
            let aggregate = match op {
                TotalOp::Count => "count",
                TotalOp::Sum => "sum",
                TotalOp::Average => "avg",
                TotalOp::Least => "min",
                TotalOp::Greatest => "max",
                TotalOp::First => "first",
                TotalOp::Last => "last",
            };
            let is_counted = matches!(op, TotalOp::Count | TotalOp::Average);
            let is_of_one = !is_counted && op != TotalOp::Sum;
            RunningValue {
                aggregate,
                events: events.iter().map(|kind| plan.keep.kind(*kind).name.to_string()).collect(),
                properties: properties.iter().map(|id| plan.keep.property_name(*id).to_owned()).collect(),
                value: self.store.symbols.value(row.value()),
                count: is_counted.then(|| row.count()),
                at: is_of_one.then(|| Instant::from_millis(row.at())),
            }
        });
        totals.collect()
    }
}

impl Engine {
    /// All that is kept of a user and all that follows from it, with reasons. See [`Partition::export`].
    ///
    /// # Errors
    /// An unknown user, or one who cannot be read.
    pub fn export(&self, user: &str) -> Result<Export, Error> {
        self.read_user(user, |partition| partition.export(user))?
    }
}
