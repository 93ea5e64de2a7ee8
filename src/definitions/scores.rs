//! `[scores.NAME]`: points for events and conditions. Whether the expressions are right is for the plan to say.

use crate::definitions::reader::{Node, Table};
use crate::segment::Score;

/// Stands in for a rule that could not be read, so that the places of the others are right.
const UNREADABLE: &str = "true";

pub(super) fn read(root: &mut Table<'_>) -> Vec<Score> {
    let Some(table) = root.get("scores").and_then(|node| node.table()) else { return Vec::new() };
    table.nodes().iter().filter(|node| node.is_named()).map(read_score).collect()
}

/// A score that could not be read in full is there all the same, so that references to it are right.
fn read_score(node: &Node<'_>) -> Score {
    let mut score = Score::new(node.key);
    let Some(mut table) = node.table() else { return score };
    if let Some(half_life) = table.get("half_life").and_then(|node| node.duration()) {
        score = score.half_life(half_life);
    }
    if let Some(window) = table.get("in").and_then(|node| node.duration()) {
        score = score.within(window);
    }
    score = match table.require("points").and_then(|points| points.list()) {
        Some(rules) => rules.iter().fold(score, |score, rule| read_rule(rule, score)),
        None => score.condition(UNREADABLE, 0.0),
    };
    table.finish();
    score
}

/// `{ event = "view", where = '…', points = 1 }` or `{ when = '…', points = 10 }`
fn read_rule(node: &Node<'_>, score: Score) -> Score {
    let Some(mut table) = node.table() else { return score.condition(UNREADABLE, 0.0) };
    let points = table.require("points").and_then(|points| points.number()).unwrap_or(0.0);
    let (event, when) = (table.get("event"), table.get("when"));
    let condition = table.get("where");
    let score = match (event, when) {
        (Some(event), None) => {
            let condition = condition.and_then(|condition| condition.text());
            match event.name() {
                Some(event) => score.event(event, condition, points),
                None => score.condition(UNREADABLE, points),
            }
        }
        (None, Some(when)) => {
            if let Some(condition) = condition {
                condition.error_help("`where` is a condition on events", "ask all of it in `when`");
            }
            score.condition(when.text().unwrap_or(UNREADABLE), points)
        }
        _ => {
            let help = "write `event = \"view\"`, or `when = '…'` for what holds of the user";
            table.error_help("points are given either for an event or while something holds", help);
            score.condition(UNREADABLE, points)
        }
    };
    table.finish();
    score
}
