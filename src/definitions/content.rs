//! `[templates]` and `[placements]`. Whether the texts are templates is for `decision` to say.

use crate::decision::{Placement, Template, Variant};
use crate::definitions::loose::{LooseExpression, collect};
use crate::definitions::reader::{Node, Table};
use std::collections::BTreeMap;

pub(super) fn read_templates(root: &mut Table<'_>) -> Vec<Template> {
    let Some(table) = root.get("templates").and_then(|node| node.table()) else { return Vec::new() };
    let mut templates = Vec::new();
    for node in table.nodes().iter().filter(|node| node.is_named()) {
        let known = node.report().count();
        let fields = read_fields(node);
        if fields.as_ref().is_some_and(BTreeMap::is_empty) && node.report().count() == known {
            node.error("the template has no fields");
        }
        templates.push(Template { name: node.key.into(), fields: fields.unwrap_or_default() });
    }
    templates
}

/// `title = '…', body = '…'`; nothing where it is no table.
fn read_fields(node: &Node<'_>) -> Option<BTreeMap<Box<str>, Box<str>>> {
    let table = node.table()?;
    let field = |field: &Node<'_>| {
        let text = field.text()?;
        field.is_named().then(|| (field.key.into(), text.into()))
    };
    Some(table.nodes().iter().filter_map(field).collect())
}

pub(super) fn read_placements(root: &mut Table<'_>, loose: &mut Vec<LooseExpression>) -> Vec<Placement> {
    let Some(table) = root.get("placements").and_then(|node| node.table()) else { return Vec::new() };
    let mut placements = Vec::new();
    for node in table.nodes().iter().filter(|node| node.is_named()) {
        let known = node.report().count();
        let placement = read_placement(node);
        // One that could not be read in full would be found wrong once more for what is missing from it.
        match node.report().count() == known {
            true => placements.extend(placement),
            false => collect(node, &format!("placements.{}", node.key), loose),
        }
    }
    placements
}

fn read_placement(node: &Node<'_>) -> Option<Placement> {
    let mut table = node.table()?;
    let salt = table.get("salt").and_then(|salt| salt.name());
    let variants = table.require("variant").and_then(|variants| variants.list()).unwrap_or_default();
    let placement = Placement {
        name: node.key.into(),
        salt: salt.unwrap_or(node.key).into(),
        variants: variants.iter().filter_map(read_variant).collect(),
    };
    table.finish();
    Some(placement)
}

fn read_variant(node: &Node<'_>) -> Option<Variant> {
    let mut table = node.table()?;
    let name = table.require("name").and_then(|name| name.name());
    let variant = Variant {
        name: name.unwrap_or_default().into(),
        when: table.get("when").and_then(|when| when.text()).map(Into::into),
        priority: table.get("priority").and_then(|priority| priority.integer()).unwrap_or(0),
        weight: table.get("weight").and_then(|weight| weight.number()).unwrap_or(1.0),
        content: table.get("content").and_then(|content| read_fields(&content)).unwrap_or_default(),
    };
    table.finish();
    Some(variant)
}
