//! `[retention]`: how long things may be kept.

use crate::definitions::Settings;
use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::Names;
use crate::model::{Duration, Quoted};

/// A day by day clean-up is what laws ask for; anything shorter than this is a slip of the pen.
const LEAST: Duration = Duration::hours(1);
/// The name under which events without a line of their own stand.
const DEFAULT: &str = "default";

pub(super) fn read(root: &mut Table<'_>, settings: &mut Settings, names: &mut Names) {
    let Some(mut table) = root.get("retention").and_then(|node| node.table()) else { return };
    let age = |node: Option<Node<'_>>| node.and_then(|node| node.duration_from(LEAST));
    names.schema.retention.anonymous = age(table.get("anonymous"));
    names.schema.retention.idle = age(table.get("idle"));
    settings.outbox_max = age(table.get("outbox"));
    settings.journal_max = age(table.get("journal"));
    if let Some(events) = table.get("events").and_then(|node| node.table()) {
        for node in events.nodes() {
            let age = node.duration_from(LEAST);
            if node.key == DEFAULT && names.schema.event_schema(DEFAULT).is_none() {
                names.schema.retention.other_events = age;
            } else if names.check_event(node, node.key, node.key_span) {
                names.schema.retention.events.extend(age.map(|age| (node.key.into(), age)));
            }
        }
    }
    if let Some(attributes) = table.get("attributes").and_then(|node| node.table()) {
        for node in attributes.nodes() {
            let age = node.duration_from(LEAST);
            let is_declared = match node.key.strip_suffix('*') {
                Some(group) => {
                    let schema = &names.schema;
                    schema.attributes.keys().chain(schema.prefixes.keys()).any(|name| name.starts_with(group))
                }
                None => names.schema.attribute_kind(node.key).is_some(),
            };
            let is_known = is_declared || !settings.strict || !names.is_sound;
            if !is_known {
                let help = "declare it under [attributes]".to_owned();
                let known: Vec<Box<str>> = names.schema.attributes.keys().cloned().collect();
                let help =
                    node.report().did_you_mean(node.key, known.iter().map(|name| &**name)).unwrap_or(help);
                let message = format!("unknown attribute {}", Quoted(node.key));
                node.report().add(node.key_span, message, Some(help));
            } else {
                names.schema.retention.attributes.extend(age.map(|age| (node.key.into(), age)));
            }
        }
    }
    table.finish();
}
