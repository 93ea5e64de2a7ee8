//! The expressions of tables that could not be read in full: they are checked all the same, one by one.

use crate::definitions::reader::Node;
use crate::segment::PlanBuilder;

#[derive(Debug)]
pub(super) struct LooseExpression {
    /// Its key path, written with dots.
    name: String,
    /// For a `where`, the event that it is about.
    event: Option<Box<str>>,
    text: Box<str>,
}

impl LooseExpression {
    pub(super) fn add_to(&self, builder: &mut PlanBuilder) {
        let schema = &builder.schema;
        match &self.event {
            None if self.name.starts_with("placements.") => {
                builder.placement_condition(&self.name, &self.text);
            }
            None => {
                builder.condition(&self.name, &self.text);
            }
            Some(event) if !schema.strict || schema.events.contains_key(event) => {
                builder.event_filter(&self.name, event, &self.text);
            }
            // Of an event that is not known no property is.
            Some(_) => {}
        }
    }
}

/// Collects the expressions in a value whose key path is `name`.
pub(super) fn collect(node: &Node<'_>, name: &str, found: &mut Vec<LooseExpression>) {
    if node.is_list() {
        for (i, item) in node.list().iter().flatten().enumerate() {
            collect(item, &format!("{name}.{i}"), found);
        }
    }
    if !node.is_table() {
        return;
    }
    let Some(table) = node.table() else { return };
    let event = table.nodes().iter().find(|node| node.key == "event" && node.is_text());
    for inner in table.nodes() {
        let name = format!("{name}.{}", inner.key);
        let event = match inner.key {
            // What is in these has names that the host gives.
            "content" | "properties" | "set" | "arms" | "to" | "moved_to" => continue,
            "when" | "audience" => None,
            "where" => match event.and_then(Node::text) {
                Some(event) => Some(event.into()),
                None => continue,
            },
            _ => {
                collect(inner, &name, found);
                continue;
            }
        };
        if inner.is_text() {
            found.extend(inner.text().map(|text| LooseExpression { name, event, text: text.into() }));
        }
    }
}
