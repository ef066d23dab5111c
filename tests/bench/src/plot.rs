//! Cost against the size of the tree, as a picture.

use plotters::prelude::*;

use crate::Result;
use crate::report::{Report, Row};

/// One line of the plot.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    dashed: bool,
}

/// The medians of the figure of clones, as SVG.
pub(crate) fn of(report: &Report) -> Result<String> {
    let figure = report.figures.iter().find(|figure| figure.name == "clone");
    let Some(figure) = figure else {
        return Err("the plot is of the figure `clone`, which was not measured".into());
    };
    let lines = lines(&figure.rows);
    let mut picture = String::new();
    let root = SVGBackend::with_string(&mut picture, (860, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(
            (range(&lines, |point| point.0)).log_scale(),
            (range(&lines, |point| point.1)).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("files in the tree")
        .y_desc("median, ms")
        .x_label_formatter(&|files| format!("{files}"))
        .y_label_formatter(&|ms| format!("{ms}"))
        .draw()?;
    for (n, line) in lines.iter().enumerate() {
        let colour = Palette99::pick(n).mix(1.0);
        let style = colour.stroke_width(if line.dashed { 1 } else { 3 });
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    root.present()?;
    drop((chart, root));
    Ok(picture)
}

/// Our calls on ext4, and everybody's clone. The peers' lines are thin.
fn lines(rows: &[Row]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let ours = row.who == "workdisk";
        let wanted = match ours {
            true => row.count > 1 && row.place == "ext4",
            false => row.what == "clone",
        };
        if !wanted {
            continue;
        }
        let name = match ours {
            true => format!("workdisk: {}", row.what),
            false => format!("{} on {}", row.who, row.place),
        };
        let Some(files) = row.files else {
            continue;
        };
        let point = (files as f64, row.median);
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                name,
                points: vec![point],
                dashed: !ours,
            }),
        }
    }
    lines
}

/// From the least power of ten to the greatest that is needed.
fn range(lines: &[Line], of: impl Fn(&(f64, f64)) -> f64) -> std::ops::Range<f64> {
    let numbers = || lines.iter().flat_map(|line| line.points.iter().map(&of));
    let least = numbers().fold(f64::INFINITY, f64::min);
    let greatest = numbers().fold(f64::MIN_POSITIVE, f64::max);
    10_f64.powf(least.log10().floor())..10_f64.powf(greatest.log10().ceil())
}
