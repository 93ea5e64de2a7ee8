//! `[segments]`: name = text, or `{ by, when }`; `[lifecycle]`: an order of them.

use crate::definitions::reader::Table;

/// A segment as it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentDefinition {
    pub(crate) name: Box<str>,
    /// The property whose values key it.
    pub(crate) by: Option<Box<str>>,
    pub(crate) text: Box<str>,
}

/// Stands in for a text that could not be read, so that references to the segment are right.
const UNREADABLE: &str = "true";

pub(super) fn read(root: &mut Table<'_>) -> Vec<SegmentDefinition> {
    let Some(table) = root.get("segments").and_then(|node| node.table()) else { return Vec::new() };
    let mut segments = Vec::new();
    for node in table.nodes() {
        if !node.is_named() {
            continue;
        }
        let (mut by, mut text) = (None, None);
        if node.is_text() {
            text = node.text();
        } else if node.is_table() {
            let Some(mut keyed) = node.table() else { continue };
            by = keyed.get("by").and_then(|by| by.name());
            text = keyed.require("when").and_then(|when| when.text());
            keyed.finish();
        } else {
            node.wanted("an expression in quotes, or `{ by = \"…\", when = '…' }`,");
        }
        segments.push(SegmentDefinition {
            name: node.key.into(),
            by: by.filter(|_| text.is_some()).map(Into::into),
            text: text.unwrap_or(UNREADABLE).into(),
        });
    }
    segments
}

/// `order = ["churned", "active"]`; whether there are such segments is for the plan to say.
pub(super) fn read_lifecycle(root: &mut Table<'_>) -> Vec<Box<str>> {
    let Some(mut table) = root.get("lifecycle").and_then(|node| node.table()) else { return Vec::new() };
    let order = table.require("order");
    let names = order.and_then(|order| order.list()).unwrap_or_default();
    if let Some(order) = order.filter(|order| order.is_list() && names.is_empty()) {
        order.error_help("the order is empty", "name segments: `order = [\"churned\", \"active\"]`");
    }
    table.finish();
    // One that is none keeps its place, so that the places of the others are right.
    names.iter().map(|name| name.name().unwrap_or_default().into()).collect()
}
