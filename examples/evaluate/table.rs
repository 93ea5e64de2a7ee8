//! What is printed.

use crate::arguments::Arguments;
use bespoke::recommend::evaluate::{Mode, Part, Report, Split};
use serde_json::{Value, json};
use std::fmt::Write;

/// How an algorithm did.
pub(crate) struct Row {
    pub(crate) algorithm: &'static str,
    pub(crate) report: Report,
}

pub(crate) fn text(split: &Split, rows: &[Row], k: usize) -> String {
    let mut text = format!("{split}\n\n");
    let [hr, mrr, precision, recall, ndcg] =
        ["HR", "MRR", "P", "R", "NDCG"].map(|name| format!("{name}@{k}"));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:22} {:8} {hr:>7} {mrr:>7} {precision:>7} {recall:>7} {ndcg:>8} {:>6} {:>6} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8}",
        "algorithm", "", "cover", "gini", "train s", "learn µs", "p50 µs", "p90 µs", "p99 µs", "MB",
    );
    for Row { algorithm, report } in rows {
        for result in &report.results {
            let (scores, took) = (&result.scores, &result.predict_micros);
            let mode = if result.mode == Mode::Frozen { "frozen" } else { "learning" };
            let _ = writeln!(
                text,
                "{algorithm:22} {mode:8} {:7.4} {:7.4} {:7.4} {:7.4} {:8.4} {:6.3} {:6.3} {:8.2} {:8.2} {:7.1} {:7.1} {:7.1} {:8.2}",
                scores.hit_rate,
                scores.mrr,
                scores.precision,
                scores.recall,
                scores.ndcg,
                scores.coverage,
                scores.gini,
                report.train_seconds,
                result.learn_micros,
                took.p50,
                took.p90,
                took.p99,
                report.bytes as f64 / 1e6,
            );
        }
    }
    let predictions = rows.first().map_or(0, |row| row.report.results[0].scores.predictions);
    let _ = write!(text, "means over {predictions} predictions");
    text
}

pub(crate) fn json(split: &Split, rows: &[Row], arguments: &Arguments) -> serde_json::Result<String> {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| Ok(json!({ "algorithm": row.algorithm, "report": serde_json::to_value(&row.report)? })))
        .collect::<serde_json::Result<_>>()?;
    let all = json!({
        "split": split.to_string(),
        "part": if split.part() == Part::Test { "test" } else { "validation" },
        "k": arguments.k,
        "allow_repeat": arguments.allow_repeat,
        "params": arguments.params,
        "algorithms": rows,
    });
    serde_json::to_string_pretty(&all)
}
