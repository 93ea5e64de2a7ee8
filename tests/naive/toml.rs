//! # toml: definitions as the text of formats.md §2
//! Strings that hold expressions are literal (`'…'`) where they can be, else basic (`"…"`).

use super::ast::{Definitions, Kind, PARTS_MAX, Segment};
use super::render::{Style, duration, expression};

/// Definitions as the TOML text that a host would write.
pub(crate) fn definitions(of: &Definitions, style: &mut Style) -> String {
    let mut toml = "version = 1\n[settings]\n".to_owned();
    if let Some(zone) = &of.zone {
        toml.push_str(&format!("timezone = \"{zone}\"\n"));
    }
    if let Some(gap) = of.session_gap {
        toml.push_str(&format!("session_gap = \"{}\"\n", duration(gap, style)));
    }
    if of.parts_max != PARTS_MAX {
        toml.push_str(&format!("parts_max = {}\n", of.parts_max));
    }
    let schema = if of.strict { "strict" } else { "lenient" };
    toml.push_str(&format!("schema = \"{schema}\"\n\n[attributes]\n"));
    toml.push_str(&fields(&of.attributes));
    for (name, properties) in &of.events {
        toml.push_str(&format!("\n[events.{}]\n{}", key(name), fields(properties)));
    }
    for (property, rule) in &of.affinities {
        toml.push_str(&format!("\n[affinity.{}]\n", key(property)));
        if let Some(half_life) = rule.half_life {
            toml.push_str(&format!("half_life = \"{}\"\n", duration(half_life, style)));
        }
        if let Some(weights) = &rule.weights {
            let weights: Vec<String> =
                weights.iter().map(|(name, w)| format!("{} = {w:?}", key(name))).collect();
            toml.push_str(&format!("weights = {{ {} }}\n", weights.join(", ")));
        }
    }
    toml.push_str("\n[segments]\n");
    for segment in &of.segments {
        toml.push_str(&segment_line(segment, style));
    }
    toml
}

fn segment_line(segment: &Segment, style: &mut Style) -> String {
    let mut when = expression(&segment.when, style);
    if style.one_in(20) {
        when.push_str(" # as agreed\n");
    }
    let when = if when.contains(['\'', '\n']) { basic(&when) } else { format!("'{when}'") };
    match &segment.by {
        None => format!("{} = {when}\n", key(&segment.name)),
        Some(by) => format!("{} = {{ by = {}, when = {when} }}\n", key(&segment.name), basic(by)),
    }
}

fn fields(fields: &[(String, Kind)]) -> String {
    let line = |(name, kind): &(String, Kind)| match kind {
        Kind::Rows(inner) => {
            let inner: Vec<String> =
                inner.iter().map(|(n, k)| format!("{} = \"{}\"", key(n), kind_name(k))).collect();
            format!("{} = [{{ {} }}]\n", key(name), inner.join(", "))
        }
        scalar => format!("{} = \"{}\"\n", key(name), kind_name(scalar)),
    };
    fields.iter().map(line).collect()
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Number => "number",
        Kind::Text => "string",
        Kind::Instant => "instant",
        Kind::Geo => "geo",
        Kind::List | Kind::Rows(_) => "list",
    }
}

/// A TOML key, quoted where it is not bare.
fn key(name: &str) -> String {
    let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if bare { name.to_owned() } else { basic(name) }
}

/// A basic TOML string.
fn basic(s: &str) -> String {
    let escaped = s.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
