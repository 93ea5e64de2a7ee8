use crate::model::{
    Consent, Instant, MessageError, MessageErrorKind, OWN_MARK, Object, Suppress, Value, check_id, own_event,
};

/// Most properties or traits, and most context fields, that a message may have, nested ones counted.
pub const PROPERTIES_MAX: usize = 255;
/// Longest string in a message, in bytes.
pub const STRING_BYTES_MAX: usize = 8 * 1024;
/// Largest message, in bytes of JSON.
pub const BYTES_MAX: usize = 64 * 1024;
/// Longest name of a list, a purpose or a channel, and longest id of an item, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 200;
/// Most declared ids in a message, and most ids that a split can name.
pub(super) const IDS_MAX: usize = 200;
/// Deepest nesting of objects and lists.
pub(super) const DEPTH_MAX: usize = 16;

/// One thing that happened to a user, in the shape of the public Segment spec.
///
/// ```
/// use bespoke::model::{Instant, Message};
/// let at: Instant = "2026-11-23T10:00:00Z".parse().unwrap();
/// let message = Message::track("u42", "view").with("sku", "boot-7").at(at).id("m1");
/// let json = serde_json::to_string(&message).unwrap();
/// assert_eq!(Message::from_json(&json).unwrap(), message);
/// ```
///
/// # As JSON
/// Reads and writes that spec's JSON with serde, so a stream that exists can be piped in as it is; fields that are not known
/// are passed over. [`Message::from_json`] also limits the size of the text. All types have in common:
///
/// | field | what |
/// | --- | --- |
/// | `userId`, `anonymousId`, `ids` | who: the host's id, that of a browser or device, and `{ "email_hash": "9f86d0" }` for kinds under `[ids]`; at least one of them |
/// | `timestamp` | when: RFC 3339 or whole milliseconds since 1970; the host's `now` where it is missing |
/// | `messageId` | for deduplication |
/// | `context` | where it came from: `context.device.type`, `context.campaign.source` |
///
/// ```
/// use bespoke::model::Message;
/// let messages = r#"
///     {"type":"track","userId":"u42","event":"purchase","properties":{"amount":99.5,"products":[{"sku":"boot-7","price":99.5}]}}
///     {"type":"page","anonymousId":"d7","name":"Sale","properties":{"path":"/sale"},"context":{"device":{"type":"mobile"}}}
///     {"type":"screen","anonymousId":"d7","name":"Home","properties":{}}
///     {"type":"identify","userId":"u42","anonymousId":"d7","traits":{"country":"FR","home":{"lat":48.9,"lon":2.4},"plan":null}}
///     {"type":"group","userId":"u42","groupId":"acme","traits":{"size":120}}
///     {"type":"alias","userId":"u42","previousId":"d9"}
///     {"type":"merge","userId":"u42","previousId":"u17","reason":"two accounts, one person: ticket 812"}
///     {"type":"split","userId":"u42","ids":["u17"]}
///     {"type":"list","userId":"u42","list":"vip","member":true}
///     {"type":"consent","userId":"u42","purpose":"marketing","channel":"email","status":"granted","expires":"2027-11-23T00:00:00Z","source":"checkout","policyVersion":"3"}
///     {"type":"restrict","userId":"u42","restricted":true}
///     {"type":"world","values":{"sale":true}}
///     {"type":"item","itemId":"boot-7","attributes":{"price":99.5,"available":true}}
///     {"type":"remove_item","itemId":"boot-7"}
///     {"type":"forget","userId":"u42","suppress":"forever"}
/// "#;
/// for json in messages.lines().map(str::trim).filter(|line| !line.is_empty()) {
///     let message = Message::from_json(json)?;
///     assert_eq!(Message::from_json(&serde_json::to_string(&message)?)?, message);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - `identify`: a trait that is null is unset, and objects become dotted names (`budget.food`).
/// - An object of numbers `lat` and `lon` is a point. A text that definitions declare an instant is read as RFC 3339. A list
///   keeps its scalars, and its objects where they are declared.
/// - `forget`: `suppress` is `"no"`, `"forever"`, or the instant until which a late message brings nobody back.
/// - The types from `merge` on are this crate's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who: at least one id, but for facts about the world and items of the catalogue.
    pub ids: Ids,
    /// When; none means the host's `now`.
    pub timestamp: Option<Instant>,
    /// For deduplication: a second message with the same id is ignored.
    pub message_id: Option<Box<str>>,
    /// Where it came from (`context.device.type` …).
    pub context: Object,
    /// What.
    pub body: Body,
}

/// The ids that a message names.
///
/// ```
/// use bespoke::model::{Ids, Message};
/// let browsing = Message::track(Ids::anonymous("device-1"), "view");
/// let signed_in = Message::identify(Ids::both("u42", "device-1")).with("country", "FR");
/// let from_a_newsletter = Message::track(Ids::none().and("email_hash", "9f86d0"), "click");
/// # let _ = (browsing, signed_in, from_a_newsletter);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The host's own id of the user.
    pub user: Option<Box<str>>,
    /// The id of a browser or device.
    pub anonymous: Option<Box<str>>,
    /// Ids of the kinds that definitions declare under `[ids]`: kind and id, in order of the kinds, each kind once.
    pub declared: Vec<(Box<str>, Box<str>)>,
}

/// What a message says.
///
/// ```
/// use bespoke::model::{Body, Message};
/// let message = Message::from_json(r#"{"type":"list","userId":"ada","list":"vip","member":true}"#)?;
/// let line = match &message.body {
///     Body::Track { event, .. } => format!("did {event}"),
///     Body::List { list, member: true } => format!("is on the list {list} now"),
///     _ => "something else".to_owned(), // types of messages may be added
/// };
/// assert_eq!(line, "is on the list vip now");
/// # Ok::<(), bespoke::model::MessageError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// The user did `event`.
    Track {
        /// Its name.
        event: Box<str>,
        /// Its properties.
        properties: Object,
    },
    /// An event named `page`, with the property `name`.
    Page {
        /// The page's name.
        name: Option<Box<str>>,
        /// Its properties.
        properties: Object,
    },
    /// An event named `screen`, with the property `name`.
    Screen {
        /// The screen's name.
        name: Option<Box<str>>,
        /// Its properties.
        properties: Object,
    },
    /// Sets attributes; null unsets.
    Identify {
        /// The attributes.
        traits: Object,
    },
    /// Sets `group.id` and `group.…`.
    Group {
        /// The group's id.
        group_id: Box<str>,
        /// Attributes of the group.
        traits: Object,
    },
    /// What was known as `previous_id` is the message's user from now on.
    Alias {
        /// The earlier id.
        previous_id: Box<str>,
    },
    /// Two profiles are one, also where both are users: the host is sure, and says why.
    Merge {
        /// The id of the profile that ends. It names the message's user from now on.
        previous_id: Box<str>,
        /// Why the host is sure; kept with the profile.
        reason: Box<str>,
    },
    /// Profiles that the user's has taken over are on their own again.
    Split {
        /// All ids that they brought.
        ids: Vec<Box<str>>,
    },
    /// Puts the user on a list, or takes the user off it.
    List {
        /// The list's name.
        list: Box<str>,
        /// Whether the user is on it from now on.
        member: bool,
    },
    /// Says what the user agrees to.
    Consent(Consent),
    /// Keeps what is known of the user, and processes it no longer; or processes it again.
    Restrict {
        /// Whether it is kept only, from now on.
        restricted: bool,
    },
    /// Sets facts for everyone, about no user; null unsets.
    World {
        /// The facts by name.
        values: Object,
    },
    /// Says what an item of the catalogue is, about no user: sets attributes, null unsets. The item is in the catalogue
    /// from now on.
    Item {
        /// The id of the item.
        item: Box<str>,
        /// Its attributes by name; those that are not named stay as they are.
        attributes: Object,
    },
    /// Takes an item out of the catalogue, with all its attributes.
    RemoveItem {
        /// The id of the item.
        item: Box<str>,
    },
    /// Erases the user.
    Forget {
        /// Whether a later message may bring the user back.
        suppress: Suppress,
    },
}

impl Body {
    /// Whether it says which ids belong together: such a message may be refused for what is known of them.
    pub(crate) fn is_about_ids(&self) -> bool {
        matches!(self, Body::Alias { .. } | Body::Merge { .. } | Body::Split { .. })
    }

    /// Whether it is about no user, but about what is the same for everyone: such a message names nobody, and is for all
    /// partitions.
    pub(crate) fn is_for_everyone(&self) -> bool {
        matches!(self, Body::World { .. } | Body::Item { .. } | Body::RemoveItem { .. })
    }
}

impl Ids {
    /// No id yet, to add declared ones to by [`and`](Ids::and).
    #[must_use]
    pub fn none() -> Ids {
        Ids { user: None, anonymous: None, declared: Vec::new() }
    }

    /// A user whom the host knows.
    #[must_use]
    pub fn user(id: impl Into<Box<str>>) -> Ids {
        Ids { user: Some(id.into()), ..Ids::none() }
    }

    /// A browser or device whose user is not known yet.
    #[must_use]
    pub fn anonymous(id: impl Into<Box<str>>) -> Ids {
        Ids { anonymous: Some(id.into()), ..Ids::none() }
    }

    /// A user on a browser or device: links the two.
    #[must_use]
    pub fn both(user: impl Into<Box<str>>, anonymous: impl Into<Box<str>>) -> Ids {
        Ids { user: Some(user.into()), anonymous: Some(anonymous.into()), ..Ids::none() }
    }

    /// Besides, an id of a kind that definitions declare, such as `email_hash`; of two of one kind the last counts.
    #[must_use]
    pub fn and(mut self, kind: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Ids {
        let (kind, id) = (kind.into(), id.into());
        match self.declared.binary_search_by(|(known, _)| known.cmp(&kind)) {
            Ok(place) => self.declared[place].1 = id,
            Err(place) => self.declared.insert(place, (kind, id)),
        }
        self
    }

    /// Whether it names nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.user.is_none() && self.anonymous.is_none() && self.declared.is_empty()
    }
}

impl<T: Into<Box<str>>> From<T> for Ids {
    fn from(user: T) -> Ids {
        Ids::user(user)
    }
}

impl Message {
    fn new(ids: impl Into<Ids>, body: Body) -> Message {
        Message { ids: ids.into(), timestamp: None, message_id: None, context: Object::new(), body }
    }

    /// The user did `event`.
    #[must_use]
    pub fn track(ids: impl Into<Ids>, event: impl Into<Box<str>>) -> Message {
        Message::new(ids, Body::Track { event: event.into(), properties: Object::new() })
    }

    /// The user saw a page.
    #[must_use]
    pub fn page(ids: impl Into<Ids>, name: impl Into<Box<str>>) -> Message {
        Message::new(ids, Body::Page { name: Some(name.into()), properties: Object::new() })
    }

    /// The user saw a screen of an app.
    #[must_use]
    pub fn screen(ids: impl Into<Ids>, name: impl Into<Box<str>>) -> Message {
        Message::new(ids, Body::Screen { name: Some(name.into()), properties: Object::new() })
    }

    /// Sets attributes, each by [`with`](Message::with).
    #[must_use]
    pub fn identify(ids: impl Into<Ids>) -> Message {
        Message::new(ids, Body::Identify { traits: Object::new() })
    }

    /// The user belongs to a group.
    #[must_use]
    pub fn group(ids: impl Into<Ids>, group_id: impl Into<Box<str>>) -> Message {
        Message::new(ids, Body::Group { group_id: group_id.into(), traits: Object::new() })
    }

    /// What was known as `previous_id` is `user` from now on.
    #[must_use]
    pub fn alias(previous_id: impl Into<Box<str>>, user: impl Into<Box<str>>) -> Message {
        Message::new(Ids::user(user), Body::Alias { previous_id: previous_id.into() })
    }

    /// The profile of `previous_id` ends in that of `user`, also where both are users. What it brings can be taken back
    /// by [`split`](Message::split) for some time.
    #[must_use]
    pub fn merge(
        previous_id: impl Into<Box<str>>,
        user: impl Into<Box<str>>,
        reason: impl Into<Box<str>>,
    ) -> Message {
        let body = Body::Merge { previous_id: previous_id.into(), reason: reason.into() };
        Message::new(Ids::user(user), body)
    }

    /// Takes profiles out of a user's again that it has taken over, by all the ids that they brought.
    ///
    /// Each is what it would be had it been on its own all the time: what it knew when it was absorbed, and what was said
    /// since by one of its ids. What names the user's own id, also together with a device, is the user's, and so is what
    /// the engine recorded by itself. Segments are looked at anew: a stay in one that only one of the two is in begins with
    /// the split. The user's journeys from before go on; those that came with the other, or began since by an event, end, and
    /// what has waited to be sent since is taken back, as it may tell of the other. Both remember what either was sent, so
    /// that nobody gets more for it.
    #[must_use]
    pub fn split<I: Into<Box<str>>>(user: impl Into<Box<str>>, ids: impl IntoIterator<Item = I>) -> Message {
        let ids = ids.into_iter().map(Into::into).collect();
        Message::new(Ids::user(user), Body::Split { ids })
    }

    /// Puts the user on a list, or takes the user off it.
    #[must_use]
    pub fn list(ids: impl Into<Ids>, list: impl Into<Box<str>>, member: bool) -> Message {
        Message::new(ids, Body::List { list: list.into(), member })
    }

    /// Says what the user agrees to.
    #[must_use]
    pub fn consent(ids: impl Into<Ids>, consent: Consent) -> Message {
        Message::new(ids, Body::Consent(consent))
    }

    /// Restricts the processing of what is known of the user, or lifts that.
    ///
    /// While it is restricted, messages, feedback and predictions are kept as ever: attributes, history, running values,
    /// sessions, ids. Nothing else follows from them, nor from time, the world or other definitions: the user is in the
    /// segments it was in, enters and leaves no journey and goes on in none; what waited in the outbox is taken back;
    /// affinities and recommenders learn nothing; decisions and recommendations are those for somebody unknown; who asks
    /// for whom an expression holds does not find the user. Only segments and journeys that are defined no longer end.
    /// Questions about this one user, export, merges and erasure work. What may be kept no longer does not go by time alone
    /// then: it goes with the next message of the user, or once the restriction is lifted, and until then no profile is
    /// erased because nothing was heard of it.
    ///
    /// The message that restricts is itself the last to be processed, and the one that lifts it the first: then segments
    /// are looked at as they are at that instant, journeys follow from what changed, and steps that fell due meanwhile
    /// run, as far as their messages have not expired. Events that came meanwhile begin no journey and teach nothing.
    /// Of several such messages the latest holds, of one instant the restriction.
    #[must_use]
    pub fn restrict(ids: impl Into<Ids>, restricted: bool) -> Message {
        Message::new(ids, Body::Restrict { restricted })
    }

    /// Sets facts for everyone, each by [`with`](Message::with): a sale, a rate, the weather.
    #[must_use]
    pub fn world() -> Message {
        Message::new(Ids::none(), Body::World { values: Object::new() })
    }

    /// Says what an item of the catalogue is, each attribute by [`with`](Message::with): a null unsets it, and what is
    /// not named stays as it is. The order in which such messages come counts, whatever their timestamps are: a catalogue
    /// is what was said of it last.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Engine;
    /// use bespoke::model::{Instant, Message, Value};
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [catalogue]
    ///     price = "number"
    ///     category = "string"
    /// "#)?;
    /// let engine = Engine::builder(definitions).open()?;
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// engine.ingest(Message::item("boot-7").with("price", 120).with("category", "boots"), now)?;
    /// engine.ingest(Message::item("boot-7").with("price", 99), now)?;
    /// let boot = engine.item("boot-7").unwrap();
    /// assert_eq!(boot.attributes.get("price"), Some(&Value::Int(99)));
    /// assert_eq!(boot.attributes.get("category"), Some(&"boots".into()));
    ///
    /// engine.ingest(Message::remove_item("boot-7"), now)?;
    /// assert!(engine.item("boot-7").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn item(item: impl Into<Box<str>>) -> Message {
        Message::new(Ids::none(), Body::Item { item: item.into(), attributes: Object::new() })
    }

    /// Takes an item out of the catalogue: it is recommended no more, and nothing is known of it.
    #[must_use]
    pub fn remove_item(item: impl Into<Box<str>>) -> Message {
        Message::new(Ids::none(), Body::RemoveItem { item: item.into() })
    }

    /// Erases the user.
    #[must_use]
    pub fn forget(ids: impl Into<Ids>) -> Message {
        Message::new(ids, Body::Forget { suppress: Suppress::No })
    }

    /// Whether the erased user may come back; a message of another type stays as it is.
    #[must_use]
    pub fn suppress(mut self, how: Suppress) -> Message {
        if let Body::Forget { suppress } = &mut self.body {
            *suppress = how;
        }
        self
    }

    /// Sets a property, a trait, a fact for everyone or an attribute of an item; a message of another type has none and stays as it is.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Message {
        match &mut self.body {
            Body::Track { properties: fields, .. }
            | Body::Page { properties: fields, .. }
            | Body::Screen { properties: fields, .. }
            | Body::Identify { traits: fields }
            | Body::Group { traits: fields, .. }
            | Body::World { values: fields }
            | Body::Item { attributes: fields, .. } => fields.set(name, value),
            Body::Alias { .. }
            | Body::Merge { .. }
            | Body::Split { .. }
            | Body::List { .. }
            | Body::Consent(_)
            | Body::Restrict { .. }
            | Body::RemoveItem { .. }
            | Body::Forget { .. } => {}
        }
        self
    }

    /// Names the user by an id of a declared kind besides. See [`Ids::and`].
    #[must_use]
    pub fn known_by(mut self, kind: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Message {
        self.ids = self.ids.and(kind, id);
        self
    }

    /// Sets a field of the context.
    #[must_use]
    pub fn context(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Message {
        self.context.set(name, value);
        self
    }

    /// When it happened.
    #[must_use]
    pub fn at(mut self, instant: Instant) -> Message {
        self.timestamp = Some(instant);
        self
    }

    /// Its id, for deduplication.
    #[must_use]
    pub fn id(mut self, message_id: impl Into<Box<str>>) -> Message {
        self.message_id = Some(message_id.into());
        self
    }

    /// The event that a track, page or screen message reports, with its properties.
    #[must_use]
    pub fn event(&self) -> Option<(&str, &Object)> {
        match &self.body {
            Body::Track { event, properties } => Some((event, properties)),
            Body::Page { properties, .. } => Some(("page", properties)),
            Body::Screen { properties, .. } => Some(("screen", properties)),
            _ => None,
        }
    }

    /// The earlier id of an alias, or of the user that a merge ends.
    pub(crate) fn previous_id(&self) -> Option<&str> {
        match &self.body {
            Body::Alias { previous_id } | Body::Merge { previous_id, .. } => Some(previous_id),
            _ => None,
        }
    }

    /// The name of a page or screen, which is its property `name`.
    pub(crate) fn page_name(&self) -> Option<&str> {
        match &self.body {
            Body::Page { name, .. } | Body::Screen { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// Whether an engine may take it. Linear in the message's size; allocates only for an error.
    ///
    /// # Errors
    /// [`MessageError`] for what no engine can take: no id or a junk id, no event name, a number
    /// that is not finite, too many properties, a string or a message that is too large, nesting too deep.
    pub fn check(&self) -> Result<(), MessageError> {
        if self.ids.is_empty() && !self.body.is_for_everyone() {
            return Err(MessageErrorKind::NoId.at("userId"));
        }
        let mut bytes = 0;
        let mut check = |id: &str, field: &'static str| {
            bytes += id.len();
            check_id(id).map_err(|e| MessageErrorKind::Id(e).at(field))
        };
        self.ids.user.as_deref().map_or(Ok(()), |id| check(id, "userId"))?;
        self.ids.anonymous.as_deref().map_or(Ok(()), |id| check(id, "anonymousId"))?;
        self.ids.declared.iter().try_for_each(|(_, id)| check(id, "ids"))?;
        if self.ids.declared.len() > IDS_MAX {
            return Err(MessageErrorKind::TooManyIds.at("ids"));
        }
        let (fields, name) = match &self.body {
            Body::Track { event, properties } => {
                if event.chars().all(char::is_whitespace) {
                    return Err(MessageErrorKind::NoEventName.at("event"));
                }
                check_string(event, "event", &mut bytes)?;
                if own_event(event).is_some() {
                    return Err(MessageErrorKind::OwnEvent(event.clone()).at("event"));
                }
                (properties, "properties")
            }
            Body::Page { name, properties } | Body::Screen { name, properties } => {
                check_string(name.as_deref().unwrap_or_default(), "name", &mut bytes)?;
                (properties, "properties")
            }
            Body::Identify { traits } => {
                if traits.iter().any(|(name, _)| name.starts_with(OWN_MARK)) {
                    return Err(MessageErrorKind::BadName.at("traits"));
                }
                (traits, "traits")
            }
            Body::Group { group_id, traits } => {
                check(group_id, "groupId")?;
                (traits, "traits")
            }
            Body::Alias { previous_id } => {
                check(previous_id, "previousId")?;
                if self.ids.user.is_none() {
                    return Err(MessageErrorKind::AliasWithoutUser.at("userId"));
                }
                (&self.context, "context")
            }
            Body::Merge { previous_id, reason } => {
                check(previous_id, "previousId")?;
                if self.ids.user.is_none() {
                    return Err(MessageErrorKind::AliasWithoutUser.at("userId"));
                }
                check_name(reason, "reason", &mut bytes)?;
                (&self.context, "context")
            }
            Body::Split { ids } => {
                if self.ids.user.is_none() {
                    return Err(MessageErrorKind::SplitWithoutUser.at("userId"));
                }
                if ids.is_empty() {
                    return Err(MessageErrorKind::Missing.at("ids"));
                }
                if ids.len() > IDS_MAX {
                    return Err(MessageErrorKind::TooManyIds.at("ids"));
                }
                ids.iter().try_for_each(|id| check(id, "ids"))?;
                (&self.context, "context")
            }
            Body::List { list, .. } => {
                check_name(list, "list", &mut bytes)?;
                (&self.context, "context")
            }
            Body::Consent(Consent { purpose, channel, source, policy_version, .. }) => {
                check_name(purpose, "purpose", &mut bytes)?;
                for (name, field) in
                    [(channel, "channel"), (source, "source"), (policy_version, "policyVersion")]
                {
                    name.as_deref().map_or(Ok(()), |name| check_name(name, field, &mut bytes))?;
                }
                (&self.context, "context")
            }
            Body::World { values } => (values, "values"),
            Body::Item { item, attributes } => {
                check_name(item, "itemId", &mut bytes)?;
                (attributes, "attributes")
            }
            Body::RemoveItem { item } => {
                check_name(item, "itemId", &mut bytes)?;
                (&self.context, "context")
            }
            Body::Restrict { .. } | Body::Forget { .. } => (&self.context, "context"),
        };
        if let Some(id) = &self.message_id {
            check_string(id, "messageId", &mut bytes)?;
        }
        check_object(fields, name, &mut bytes)?;
        check_object(&self.context, "context", &mut bytes)?;
        if bytes > BYTES_MAX { Err(MessageErrorKind::TooLarge(bytes).at("message")) } else { Ok(()) }
    }
}

fn check_string(text: &str, field: &str, bytes: &mut usize) -> Result<(), MessageError> {
    *bytes += text.len();
    if text.len() > STRING_BYTES_MAX {
        Err(MessageErrorKind::StringTooLong(text.len()).at(field))
    } else {
        Ok(())
    }
}

/// Checks what names something that definitions declare.
fn check_name(name: &str, field: &str, bytes: &mut usize) -> Result<(), MessageError> {
    *bytes += name.len();
    let is_name =
        !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if is_name { Ok(()) } else { Err(MessageErrorKind::BadName.at(field)) }
}

/// Checks a value by itself, before anybody copies it: one that nests deep would not fit on the stack.
pub(crate) fn check_alone(field: &str, name: &str, value: &Value) -> Result<(), MessageError> {
    check_value(name, value, field, 1, &mut 0, &mut 0)
}

fn check_object(object: &Object, field: &str, bytes: &mut usize) -> Result<(), MessageError> {
    let mut names = 0;
    object.iter().try_for_each(|(name, value)| check_value(name, value, field, 1, &mut names, bytes))
}

fn check_value(
    name: &str,
    value: &Value,
    field: &str,
    depth: usize,
    names: &mut usize,
    bytes: &mut usize,
) -> Result<(), MessageError> {
    // The path is put together only for an error, from the outermost name it has reached.
    let place = || format!("{field}.{name}");
    check_string(name, field, bytes)?;
    *names += usize::from(!matches!(value, Value::Object(_)));
    if *names > PROPERTIES_MAX {
        return Err(MessageErrorKind::TooManyProperties.at(field));
    }
    match value {
        Value::Float(x) if !x.is_finite() => return Err(MessageErrorKind::NotFinite.at(&place())),
        Value::Geo(geo) if !(geo.lat.is_finite() && geo.lon.is_finite()) => {
            return Err(MessageErrorKind::NotFinite.at(&place()));
        }
        Value::String(text) => {
            *bytes += text.len();
            if text.len() > STRING_BYTES_MAX {
                return Err(MessageErrorKind::StringTooLong(text.len()).at(&place()));
            }
        }
        Value::List(_) | Value::Object(_) if depth >= DEPTH_MAX => {
            return Err(MessageErrorKind::TooDeep.at(&place()));
        }
        Value::List(list) => {
            // Elements of a list are parts of one property, however many they are; the size limits them.
            for element in list {
                let mut unlimited = 0;
                check_value(name, element, field, depth + 1, &mut unlimited, bytes)?;
            }
        }
        Value::Object(object) => {
            for (inner, value) in object.iter() {
                check_value(inner, value, field, depth + 1, names, bytes)?;
            }
        }
        _ => *bytes += 8,
    }
    Ok(())
}
