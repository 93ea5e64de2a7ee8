//! `[catalogue]`: what items have.

use crate::definitions::reader::{Node, Table};
use crate::definitions::schema::read_kind;
use crate::model::Quoted;
use crate::segment::{ITEM_ATTRIBUTES_MAX, ITEM_TITLE, ITEM_VECTOR, Kind, Schema};

/// Attributes that mean something to the engine itself.
const OWN: [(&str, Kind, &str); 6] = [
    ("price", Kind::Number, "a number"),
    ("stock", Kind::Number, "a number"),
    ("available", Kind::Bool, "a bool"),
    ("expires", Kind::Instant, "an instant"),
    ("tags", Kind::List, "a list"),
    (ITEM_TITLE, Kind::String, "a string"),
];
/// What names of items would be mistaken for.
const TAKEN: [&str; 4] = ["item", "old", "user", "request"];
/// Most numbers of a vector.
const DIMENSIONS_MAX: i64 = 2_048;

pub(super) fn read(root: &mut Table<'_>, schema: &mut Schema) {
    let Some(table) = root.get("catalogue").and_then(|node| node.table()) else { return };
    if let Some(first) = table.nodes().get(ITEM_ATTRIBUTES_MAX + 1) {
        first.error(format!("items have more than {ITEM_ATTRIBUTES_MAX} attributes"));
    }
    for node in table.nodes() {
        if node.key == ITEM_VECTOR {
            read_vector(node, schema);
        } else if let Some(kind) = read_kind(node)
            && node.is_named()
            && is_free(node)
            && is_right(node, kind)
        {
            schema.item(node.key, kind);
        }
    }
}

/// `vector = 64`
fn read_vector(node: &Node<'_>, schema: &mut Schema) {
    if node.is_text() {
        node.error_help("how many numbers the vector has is wanted, this is a string", "write `vector = 64`");
    } else if let Some(dimensions) = node.integer_in(1, DIMENSIONS_MAX) {
        schema.item_vector(dimensions as u16);
    }
}

fn is_free(node: &Node<'_>) -> bool {
    let first = node.key.split('.').next().unwrap_or_default();
    let message = if node.key == "id" {
        "`id` is the id of the item itself".to_owned()
    } else if TAKEN.contains(&first) || node.key.contains('*') {
        format!("{} is no name for an attribute of items", Quoted(node.key))
    } else {
        return true;
    };
    node.report().add(node.key_span, message, Some("use another name".into()));
    false
}

fn is_right(node: &Node<'_>, kind: Kind) -> bool {
    let own = OWN.iter().find(|(name, ..)| *name == node.key);
    let Some((name, _, words)) = own.filter(|(_, wanted, _)| *wanted != kind) else { return true };
    node.error_help(format!("`{name}` of an item is {words} for the engine itself"), "use another name");
    false
}
