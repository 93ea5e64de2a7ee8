use crate::model::{Consent, Instant, Value};
use crate::profile::event_rows::{EventRows, Row};
use crate::profile::facts::whole_consent;
use crate::profile::{Fact, Hidden, IdKind, MASK, Profile, ProfileStore, UserKey};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A user as a host sees it: a copy, taken at one moment, that stays as it is while others write.
///
/// Debugging shows no value that definitions declare to be direct personal data (`pii = "direct"`).
///
/// ```
/// # fn show(profile: &bespoke::profile::UserProfile) {
/// println!("{} is in session {}", profile.user, profile.session.as_ref().map_or(0, |s| s.number));
/// # }
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UserProfile {
    /// The user id, or while there is none the first anonymous one.
    pub user: String,
    /// Its user id, if it has one.
    pub user_id: Option<String>,
    /// User ids that name it besides, in order, because the host merged the users.
    pub former_ids: Vec<String>,
    /// The devices that belong to it, in order.
    pub anonymous_ids: Vec<String>,
    /// Its ids of declared kinds, by kind, in order.
    pub ids: BTreeMap<String, Vec<String>>,
    /// The merges of users that the host confirmed, oldest first.
    pub merges: Vec<ConfirmedMerge>,
    /// The id that stable numbers such as `bucket("salt")` are drawn by: the first it ever had.
    pub bucketing_id: String,
    /// Instant of its earliest message.
    pub first_seen: Instant,
    /// Instant of its latest message.
    pub last_seen: Instant,
    /// Its latest session, if there was one.
    pub session: Option<SessionSummary>,
    /// What is known of it, by name.
    pub attributes: BTreeMap<String, Value>,
    /// The lists it is on, in order of their names.
    pub lists: Vec<String>,
    /// What it agrees to, in order of purpose and channel; with what has expired.
    pub consents: Vec<ConsentRecord>,
    /// Whether what is kept of it is not to be processed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
    /// What models say of it, by name.
    pub predictions: BTreeMap<String, Value>,
    /// The variant that was shown last, by placement.
    pub variants: BTreeMap<String, Value>,
    /// The arms of experiments that it was exposed to, in order of experiment and arm.
    pub exposures: Vec<Exposure>,
    /// The events that definitions keep, oldest first.
    pub events: Vec<Event>,
    #[serde(skip)]
    hidden: Arc<Hidden>,
}

impl fmt::Debug for UserProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserProfile")
            .field("user", &self.user)
            .field("user_id", &self.user_id)
            .field("anonymous_ids", &self.anonymous_ids)
            .field("bucketing_id", &self.bucketing_id)
            .field("first_seen", &self.first_seen)
            .field("last_seen", &self.last_seen)
            .field("session", &self.session)
            .field("attributes", &Shown(&self.attributes, &|name: &str| self.hidden.has_attribute(name)))
            .field("lists", &self.lists)
            .field("consents", &self.consents)
            .field("restricted", &self.restricted)
            .field("predictions", &self.predictions)
            .field("variants", &self.variants)
            .field("exposures", &self.exposures)
            .field("events", &self.events)
            .finish()
    }
}

/// Names and values, of which some are hidden.
struct Shown<'a>(&'a BTreeMap<String, Value>, &'a dyn Fn(&str) -> bool);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.0 {
            let value: &dyn fmt::Debug = if (self.1)(name) { &format_args!("{MASK}") } else { value };
            map.entry(name, value);
        }
        map.finish()
    }
}

/// That a user was exposed to an arm of an experiment. Two of one experiment tell that the user crossed over.
///
/// ```
/// # fn show(profile: &bespoke::profile::UserProfile) {
/// for exposure in &profile.exposures {
///     println!("{} saw {} of {}", profile.user, exposure.arm, exposure.experiment);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Exposure {
    /// The experiment.
    pub experiment: String,
    /// The arm.
    pub arm: String,
    /// When for the first time.
    pub at: Instant,
}

/// A merge of two users that the host confirmed.
///
/// ```
/// # fn show(profile: &bespoke::profile::UserProfile) {
/// for merge in &profile.merges {
///     println!("{} became {} because of {}", merge.previous, profile.user, merge.reason);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConfirmedMerge {
    /// The id of the profile that ended.
    pub previous: String,
    /// When, by the clock.
    pub at: Instant,
    /// Why the host was sure.
    pub reason: String,
}

/// The consent that holds for a purpose and a channel.
///
/// ```
/// # fn show(profile: &bespoke::profile::UserProfile) {
/// for record in &profile.consents {
///     println!("{} {:?} since {}", record.consent.purpose, record.consent.status, record.at);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConsentRecord {
    /// What was said.
    pub consent: Consent,
    /// When it was said.
    pub at: Instant,
}

/// The latest session of a user.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Duration, Instant, Message}};
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[events.view]")?).open()?;
/// # let start: Instant = "2026-11-23T10:00:00Z".parse()?;
/// for minute in [0, 10, 55] { // 45 minutes without an event are more than `session_gap`
///     engine.ingest(Message::track("ada", "view"), start + Duration::minutes(minute))?;
/// }
/// let session = engine.profile("ada")?.and_then(|profile| profile.session).ok_or("there was no event")?;
/// assert_eq!((session.number, session.events), (2, 1));
/// assert_eq!(session.started, start + Duration::minutes(55));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SessionSummary {
    /// 1 for a user's first.
    pub number: u32,
    /// How many events it has.
    pub events: u32,
    /// Instant of its first event.
    pub started: Instant,
    /// Instant of its last event.
    pub last_event: Instant,
}

/// One kept event with those of its properties that definitions read.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let now = Instant::from_millis(0);
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     events = { view = { sku = "string", category = "string" } }
///     segments = { booted = 'did(view where category = "boots" in 30d)' }
/// "#)?;
/// # let engine = Engine::builder(definitions).open()?;
/// engine.ingest(Message::track("ada", "view").with("sku", "boot-7").with("category", "boots"), now)?;
/// let events = engine.profile("ada")?.map(|profile| profile.events).unwrap_or_default();
/// assert_eq!(events[0].properties, [("category".to_owned(), "boots".into())].into()); // nothing reads `sku`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Its name; empty where no definition names it. Elements of a list have the list's path behind the name.
    pub name: String,
    /// When it happened.
    pub at: Instant,
    /// What was kept of it.
    pub properties: BTreeMap<String, Value>,
    #[serde(skip)]
    hidden: Arc<Hidden>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("at", &self.at)
            .field("properties", &Shown(&self.properties, &|name: &str| self.hidden.has_property(name)))
            .finish()
    }
}

impl ProfileStore {
    /// Copies a profile out.
    pub(crate) fn user_profile(&self, user: UserKey, now: Instant) -> UserProfile {
        self.shown(self.get(user), now)
    }

    /// Copies a profile out, or a part of one.
    pub(crate) fn shown(&self, profile: &Profile, now: Instant) -> UserProfile {
        // In the order of their texts: in which order they were linked is nobody's concern.
        let mut known: Vec<(IdKind, &str)> = self.ids_of(profile).collect();
        known.sort_unstable();
        let of_kind = |wanted: IdKind| {
            let ids = known.iter().filter(move |(kind, _)| *kind == wanted);
            ids.map(|(_, text)| (*text).to_owned())
        };
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (kind, text) in &known {
            if let IdKind::Declared(number) = kind {
                ids.entry(self.kind_name(*number).to_owned()).or_default().push((*text).to_owned());
            }
        }
        let merges = profile.confirmed().iter().map(|merge| ConfirmedMerge {
            previous: merge.previous.to_string(),
            at: merge.at,
            reason: merge.reason.to_string(),
        });
        let history = profile.history.glance();
        let mut user_profile = UserProfile {
            user: profile.name.to_string(),
            user_id: profile.has_user_id.then(|| profile.name.to_string()),
            former_ids: of_kind(IdKind::User).filter(|id| **id != *profile.name).collect(),
            anonymous_ids: of_kind(IdKind::Anonymous).collect(),
            ids,
            merges: merges.collect(),
            bucketing_id: profile.bucketing_id().to_owned(),
            first_seen: profile.first_seen,
            last_seen: profile.last_seen,
            session: (profile.session.number > 0).then_some(SessionSummary {
                number: profile.session.number,
                events: profile.session.events,
                started: profile.session.first,
                last_event: profile.session.last,
            }),
            attributes: BTreeMap::new(),
            lists: Vec::new(),
            consents: Vec::new(),
            restricted: false,
            predictions: BTreeMap::new(),
            variants: BTreeMap::new(),
            exposures: Vec::new(),
            events: history
                .visible(now, profile.kept_session(), &self.keep)
                .map(|row| self.event(&history, row))
                .collect(),
            hidden: self.keep.hidden.clone(),
        };
        for attribute in profile.attributes.iter().filter(|attribute| !attribute.value.is_missing()) {
            let (name, value) = (self.symbols.text(attribute.name), self.symbols.value(attribute.value));
            match Fact::of(name) {
                None => drop(user_profile.attributes.insert(name.to_owned(), value)),
                Some(Fact::List(list)) => user_profile.lists.push(list.to_owned()),
                Some(Fact::Consent(purpose, channel)) => {
                    let kept = whole_consent((purpose, channel), attribute.value, &self.symbols);
                    let record = |consent| ConsentRecord { consent, at: attribute.written };
                    user_profile.consents.extend(kept.map(record));
                }
                Some(Fact::Restricted) => user_profile.restricted = true,
                Some(Fact::Prediction(name)) => drop(user_profile.predictions.insert(name.to_owned(), value)),
                Some(Fact::Variant(placement)) => {
                    drop(user_profile.variants.insert(placement.to_owned(), value));
                }
                Some(Fact::Exposed(experiment, arm)) => user_profile.exposures.push(Exposure {
                    experiment: experiment.to_owned(),
                    arm: arm.to_owned(),
                    at: attribute.written,
                }),
                // What follows from other state is seen there.
                Some(Fact::World(_) | Fact::Entered(_) | Fact::EnteredPart(_) | Fact::Journey(_)) => {}
            }
        }
        // Attributes lie in the order of their numbers, which no host should see.
        user_profile.lists.sort_unstable();
        user_profile.exposures.sort_unstable();
        let place = |record: &ConsentRecord| (record.consent.purpose.clone(), record.consent.channel.clone());
        user_profile.consents.sort_by_key(place);
        user_profile
    }

    fn event(&self, history: &EventRows, row: Row) -> Event {
        let kind = self.keep.kind(row.kind());
        let properties = kind.columns.iter().enumerate().filter_map(|(place, column)| {
            let value = history.value(row, place);
            let name = self.keep.property_name(column.property).to_owned();
            (!value.is_missing()).then(|| (name, self.symbols.value(value)))
        });
        Event {
            name: kind.name.to_string(),
            at: Instant::from_millis(row.at()),
            properties: properties.collect(),
            hidden: self.keep.hidden.clone(),
        }
    }
}
