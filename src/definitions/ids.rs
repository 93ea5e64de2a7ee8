//! `[ids]`: kinds of ids beside `userId` and `anonymousId`.

use crate::definitions::reader::Table;
use crate::profile::{IDS_MAX, IdKindRule};

const STRENGTHS: [(&str, bool); 2] = [("strong", true), ("weak", false)];
/// Most kinds.
const KINDS_MAX: usize = 64;

/// `email_hash = { strength = "strong", limit = 5 }`
pub(super) fn read(root: &mut Table<'_>) -> Vec<IdKindRule> {
    let mut kinds = Vec::new();
    let Some(table) = root.get("ids").and_then(|node| node.table()) else { return kinds };
    for node in table.nodes() {
        if !node.is_named() {
            continue;
        }
        let name = node.key;
        if let Some(own) = ["userId", "anonymousId", "user", "anonymous"].iter().find(|own| **own == name) {
            let help = "it is known without a declaration; name a kind of your own, such as `email_hash`";
            node.report().add(
                node.key_span,
                format!("`{own}` is a kind of the engine's own"),
                Some(help.into()),
            );
            continue;
        }
        if kinds.len() == KINDS_MAX {
            node.error(format!("there are at most {KINDS_MAX} kinds of ids"));
            break;
        }
        let Some(mut table) = node.table() else { continue };
        let strength = table.require("strength").and_then(|node| node.choice("strength", &STRENGTHS));
        let limit = table.get("limit").map(|node| node.integer_in(1, IDS_MAX as i64));
        table.finish();
        let Some(is_strong) = strength else { continue };
        let limit = match limit {
            Some(None) => continue,
            Some(Some(limit)) => limit as usize,
            None if is_strong => 1,
            None => IDS_MAX,
        };
        kinds.push(IdKindRule { name: name.into(), is_strong, limit });
    }
    kinds
}
