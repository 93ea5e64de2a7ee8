//! What a host defines: templates and placements, as data. Texts are in the segment language, or templates.

use std::collections::BTreeMap;

/// Content by field, such as `title` and `body`; each text is a template, see [`Variant::content`].
///
/// ```
/// use bespoke::decision::Template;
/// let title = "Back so soon, {{ user.first_name | default(\"friend\") }}?";
/// let template = Template { name: "cart".into(), fields: [("title".into(), title.into())].into() };
/// # let _ = template;
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Template {
    /// Its name.
    pub name: Box<str>,
    /// Fields with their texts.
    pub fields: BTreeMap<Box<str>, Box<str>>,
}

/// A place that the host fills: a banner, a card, the first screen.
///
/// ```
/// use bespoke::decision::{Placement, Variant};
/// let variant = |name: &str, when: Option<&str>, priority| Variant {
///     name: name.into(),
///     when: when.map(Into::into),
///     priority,
///     weight: 1.0,
///     content: [("headline".into(), "Hello {{ user.first_name }}".into())].into(),
/// };
/// let hero = Placement {
///     name: "home-hero".into(),
///     salt: "home-hero".into(),
///     // Lapsed users see `come-back`; of the others each half sees one.
///     variants: vec![
///         variant("come-back", Some("not did(purchase in 90d)"), 10),
///         variant("summer", None, 0),
///         variant("sale", None, 0),
///     ],
/// };
/// # let _ = hero;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Its name.
    pub name: Box<str>,
    /// Goes into the hash that splits users, so that two placements split them apart; the name unless given.
    pub salt: Box<str>,
    /// What may be shown, in order. The eligible ones of the highest priority are in question; of several the
    /// weights decide.
    pub variants: Vec<Variant>,
}

/// One thing that may be shown at a placement.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message, Object}};
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     [[placements.hero.variant]]
///     name = "app"
///     when = 'request.device = "mobile"'
///     priority = 1
///     [[placements.hero.variant]]
///     name = "everybody"
///     content = { title = "Welcome" }
/// "#)?;
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// # let mut partition = Partition::new(&definitions);
/// # partition.ingest(&Message::identify("ada"), now)?;
/// let mobile = Object::new().with("device", "mobile");
/// assert_eq!(partition.decide("ada", "hero", &mobile, now)?.variant.as_deref(), Some("app"));
/// // Nothing is known of bob, and that asks for nothing of him.
/// assert_eq!(partition.decide("bob", "hero", &mobile, now)?.variant.as_deref(), Some("app"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name, unique within the placement. It goes into the hash that splits users: a variant with another name
    /// is another variant.
    pub name: Box<str>,
    /// Who may see it; none for everybody, users of whom nothing is known included. Besides what segments may name
    /// it knows `request.…`, what the host gives with the question: `request.device = "mobile"`. What asks for that, facts
    /// about the world and `now` alone holds for whoever is unknown too; nothing else does.
    pub when: Option<Box<str>>,
    /// The higher one goes first; 0 unless given.
    pub priority: i64,
    /// Its share among eligible variants of equal priority; 1 unless given, 0 switches it off.
    pub weight: f64,
    /// Content by field; each text is a template in the language of Jinja.
    ///
    /// It may name `user` (its attributes: `{{ user.first_name }}`), `request` (what the host gives with the
    /// question), and in a journey `event` (properties of the event that began it) and `key`. What is missing is
    /// empty: `{{ user.first_name | default("friend") }}`. Values are put in as they are; where the host shows
    /// HTML, write `{{ user.first_name | escape }}`. An instant is shown as the user's clock has it, in a format of
    /// `strftime`, by `{{ event.departs | local("%d.%m. %H:%M") }}`. There is no clock and no chance in it.
    pub content: BTreeMap<Box<str>, Box<str>>,
}
