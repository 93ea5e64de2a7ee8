//! Quality against latency, as a drawing: what is up and to the left is better than what is below or to the right.

use crate::table::Row;
use bespoke::recommend::evaluate::Mode;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
/// Around the axes.
const MARGIN: f64 = 60.0;

/// An SVG with a dot for each algorithm, frozen: the median of a prediction in microseconds to the right, by orders of
/// magnitude, and the quality upwards.
pub(crate) fn svg(rows: &[Row], quality: &str, of: impl Fn(&Row) -> f64) -> String {
    let dots: Vec<(f64, f64, &str)> = rows
        .iter()
        .filter(|row| row.report.results[0].mode == Mode::Frozen)
        .map(|row| (row.report.results[0].predict_micros.p50.max(0.01).log10(), of(row), row.algorithm))
        .collect();
    let low = dots.iter().map(|dot| dot.0).fold(0.0, f64::min).floor();
    let high = dots.iter().map(|dot| dot.0).fold(low + 1.0, f64::max).ceil();
    let best = dots.iter().map(|dot| dot.1).fold(0.0, f64::max).max(0.001) * 1.15;
    let x = |decade: f64| MARGIN + (decade - low) / (high - low) * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| HEIGHT - MARGIN - value / best * (HEIGHT - 2.0 * MARGIN);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut line = |x1: f64, y1: f64, x2: f64, y2: f64, label: &str, anchor: &str, at: (f64, f64)| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ccc\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"#555\">{label}</text>",
            at.0, at.1
        );
    };
    for decade in low as i32..=high as i32 {
        let at = x(f64::from(decade));
        let label = format!("{} µs", 10_f64.powi(decade));
        line(at, y(0.0), at, y(best), &label, "middle", (at, y(0.0) + 18.0));
    }
    for step in 0..=4 {
        let value = best / 1.15 * f64::from(step) / 4.0;
        let label = format!("{value:.3}");
        line(x(low), y(value), x(high), y(value), &label, "end", (x(low) - 6.0, y(value) + 4.0));
    }
    let _ = writeln!(svg, "<text x=\"{}\" y=\"24\" font-size=\"15\">{quality} against time</text>", MARGIN);
    for (decade, value, name) in dots {
        let (x, y) = (x(decade), y(value));
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"#0a6\"/><text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            x + 8.0,
            y - 6.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}
