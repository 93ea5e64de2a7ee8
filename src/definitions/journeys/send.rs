use crate::definitions::journeys::wait::read_between;
use crate::definitions::journeys::{Reader, read_names};
use crate::definitions::reader::Node;
use crate::journey::{Capped, Dedup, Send};
use crate::model::Duration;

/// How long what was sent is remembered, where a `dedup` does not say.
const DEDUP: Duration = Duration::days(30);

impl Reader<'_> {
    pub(super) fn read_send(&self, node: &Node<'_>) -> Option<Send> {
        let mut table = node.table()?;
        let channel = table.require("channel").and_then(|channel| channel.name());
        let template = table.require("template").and_then(|template| template.name());
        let expires = table.get("expires").map(|expires| expires.duration());
        let unreachable = table.get("unreachable").and_then(|label| label.name());
        let at_best = table.get("at").and_then(|at| at.choice("time", &[("best", true)]));
        let between = table.get("between").map(|between| read_between(&between));
        let fallback = table.get("fallback").map(|fallback| fallback.time());
        if let (None, Some(node)) = (table.get("at"), table.get("between").or(table.get("fallback"))) {
            let message = format!("`{}` goes with `at = \"best\"`", node.key);
            node.report().add(node.key_span, message, None);
        }
        let capped = table.get("capped").and_then(|capped| match capped.name()? {
            "skip" => Some(Capped::Skip),
            "defer" => Some(Capped::Defer),
            label => Some(Capped::To(label.into())),
        });
        let purpose = table.get("purpose").and_then(|purpose| self.names.read_purpose(&purpose));
        let tags = table.get("tags").map(|tags| read_names(&tags)).unwrap_or_default();
        let dedup = table.get("dedup").and_then(|dedup| read_dedup(&dedup));
        table.finish();
        Some(Send {
            channel: channel?.into(),
            template: template?.into(),
            expires: expires.unwrap_or(None),
            unreachable: unreachable.map(Into::into),
            at_best: at_best.unwrap_or(false),
            between: between.unwrap_or(None),
            fallback: fallback.unwrap_or(None),
            capped,
            purpose,
            tags,
            dedup,
        })
    }
}

/// `"7d"`, or `{ key = "welcome", window = "7d" }`
fn read_dedup(node: &Node<'_>) -> Option<Dedup> {
    if !node.is_table() {
        return node.duration().map(|window| Dedup { key: None, window });
    }
    let mut table = node.table()?;
    let key = table.get("key").and_then(|key| key.name());
    let window = table.get("window").map_or(Some(DEDUP), |window| window.duration());
    table.finish();
    Some(Dedup { key: key.map(Into::into), window: window? })
}
