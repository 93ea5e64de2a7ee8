//! Names that are the engine's own, so that hosts cannot use them.

/// Events that the engine records itself, each with its properties.
pub(crate) const OWN_EVENTS: [(&str, &[&str]); 13] = [
    ("message.sent", &["channel", "journey", "step", "template"]),
    ("message.delivered", &["channel", "journey", "step", "template"]),
    ("message.opened", &["channel", "journey", "step", "template"]),
    ("message.clicked", &["channel", "journey", "step", "template"]),
    ("message.failed", &["channel", "journey", "step", "template"]),
    ("message.suppressed", &["channel", "journey", "step", "template"]),
    ("decision.shown", &["placement", "variant"]),
    ("decision.clicked", &["placement", "variant"]),
    ("experiment.exposed", &["experiment", "arm"]),
    ("attribute.changed", &["name", "from", "to"]),
    ("segment.entered", &["name", "key"]),
    ("segment.left", &["name", "key"]),
    ("identity.switched", &[]),
];

/// The properties of an event that the engine records itself; nothing where it is an event of the host.
pub(crate) fn own_event(name: &str) -> Option<&'static [&'static str]> {
    OWN_EVENTS.iter().find(|(own, _)| *own == name).map(|(_, properties)| *properties)
}

/// Begins the names under which the engine keeps facts among a user's attributes; no host can write them.
pub(crate) const OWN_MARK: char = '\u{1}';
