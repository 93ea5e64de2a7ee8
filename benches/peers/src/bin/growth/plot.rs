//! Lines over logarithmic axes, as SVG.

use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

/// A line: its name and its points, in order of x.
pub(crate) type Line = (String, Vec<(f64, f64)>);

const COLOURS: [RGBColor; 9] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(90, 90, 90),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(23, 190, 207),
];

/// From the power of ten below the least to the one above the greatest.
fn decades(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min).max(1e-3);
    let greatest = values.fold(least, f64::max);
    let (low, high) = (least.log10().floor(), greatest.log10().ceil());
    10f64.powf(low)..10f64.powf(high.max(low + 1.0))
}

/// Draws lines into a file. Points that are not positive are left out, for no logarithm shows them.
pub(crate) fn draw(path: &Path, title: &str, axes: [&str; 2], lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let shown: Vec<(&str, Vec<(f64, f64)>)> = lines
        .iter()
        .map(|(name, points)| {
            (&**name, points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0).collect())
        })
        .collect();
    let points = shown.iter().flat_map(|(_, points)| points);
    let x = decades(points.clone().map(|point| point.0));
    let y = decades(points.map(|point| point.1));

    let area = SVGBackend::new(path, (900, 560)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    let label = |value: &f64| value.to_string();
    chart
        .configure_mesh()
        .x_desc(axes[0])
        .y_desc(axes[1])
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .light_line_style(RGBColor(235, 235, 235))
        .draw()?;
    for ((name, points), colour) in shown.into_iter().zip(COLOURS.into_iter().cycle()) {
        let style = colour.stroke_width(2);
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    let position = SeriesLabelPosition::UpperLeft;
    chart.configure_series_labels().position(position).background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
