//! `[lists]`, `[consent]`, `[channels]` and `[world]`: the facts that expressions may ask for.

use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::read_kind;
use crate::model::Quoted;
use crate::segment::{Schema, Stored};

/// What holds for a purpose of which a user has said nothing.
const DEFAULTS: [(&str, bool); 2] = [("granted", true), ("denied", false)];

pub(super) fn read(root: &mut Table<'_>, schema: &mut Schema) {
    let mut each = |table: &'static str, read: &mut dyn FnMut(&Node<'_>)| {
        let Some(table) = root.get(table).and_then(|node| node.table()) else { return };
        table.nodes().iter().filter(|node| node.is_named()).for_each(read);
    };
    each("lists", &mut |node| {
        // The text says what the list is for, to whoever reads the definitions.
        node.text();
        schema.list(node.key);
    });
    each("consent", &mut |node| {
        let Some(mut table) = node.table() else { return };
        let granted = table.require("default").and_then(|node| node.choice("default", &DEFAULTS));
        table.finish();
        schema.purpose(node.key, granted.unwrap_or(false));
    });
    each("channels", &mut |node| {
        let Some(mut table) = node.table() else { return };
        let address = table.get("address").map_or(Some(node.key), |node| node.name());
        table.finish();
        let Some(address) = address else { return };
        if schema.strict && schema.attribute_kind(address).is_none() {
            node.unknown(
                "attribute",
                address,
                schema.attributes.keys().map(|name| &**name),
                Some("declare it under [attributes]: it is a user's address in this channel".into()),
            );
        }
        if schema.attribute_tags(address).stored == Stored::Drop {
            let message = format!("{} is not kept, so nobody can be reached", Quoted(address));
            node.error_help(message, "keep it, or a hash of it: `store = \"hash\"`");
        }
        schema.channel(node.key, address);
    });
    each("world", &mut |node| {
        if let Some(kind) = read_kind(node) {
            schema.world(node.key, kind);
        }
    });
    // Also those that turn out to be wrong: who refers to them is right.
    let mut names = |table: &'static str| {
        let table = root.get(table).filter(|node| node.is_table()).and_then(|node| node.table());
        table.map(|table| table.nodes().iter().map(|node| node.key).collect()).unwrap_or_default()
    };
    let (journeys, placements): (Vec<&str>, Vec<&str>) = (names("journeys"), names("placements"));
    journeys.into_iter().for_each(|name| {
        schema.journey(name);
    });
    placements.into_iter().for_each(|name| {
        schema.placement(name);
    });
}
