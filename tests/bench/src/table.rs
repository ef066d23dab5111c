//! What was measured, for a person: at a terminal, or as Markdown.

use comfy_table::{CellAlignment, Table, TableStyle, presets};

use crate::report::{Figure, Report, Row};

const HEADER: [&str; 9] = [
    "what", "who", "where", "files", "median", "p99", "runs", "flushes", "without",
];

/// The columns of numbers.
const NUMBERS: std::ops::Range<usize> = 3..8;

/// A figure: its rows, its bars and its notes.
pub(crate) fn of(figure: &Figure) -> String {
    let table = rows(figure, presets::UTF8_BORDERS_ONLY);
    let below: String = below(figure).map(|line| format!("  {line}\n")).collect();
    format!("\n{}: {}\n{table}\n{below}", figure.name, figure.title)
}

/// The bars that were missed, and on what it was measured.
pub(crate) fn summary(report: &Report) -> String {
    let mut missed = empty(["figure", "asked", "found"], presets::UTF8_BORDERS_ONLY);
    let (mut met, mut all) = (0, 0);
    for figure in &report.figures {
        for bar in &figure.bars {
            met += usize::from(bar.met);
            all += 1;
            if !bar.met {
                missed.add_row([figure.name, &bar.asked, &bar.found]);
            }
        }
    }
    let bars = match all - met {
        _ if all == 0 => "nothing was held against its bar".to_owned(),
        0 => format!("all {all} bars are met"),
        _ => format!("{met} of {all} bars are met; missed:\n{missed}"),
    };
    format!("\n{bars}\n{}", report.circumstances())
}

/// All of it, as a page.
pub(crate) fn page(report: &Report) -> String {
    let figures = report.figures.iter().map(|figure| {
        let table = rows(figure, presets::ASCII_MARKDOWN);
        let below: String = below(figure).map(|line| format!("- {line}\n")).collect();
        format!(
            "\n## {}: {}\n\n{table}\n\n{below}",
            figure.name, figure.title
        )
    });
    let figures: String = figures.collect();
    format!(
        "# What was measured\n\n{}\n{figures}",
        report.circumstances()
    )
}

fn rows(figure: &Figure, style: TableStyle) -> Table {
    let mut table = empty(HEADER, style);
    for row in &figure.rows {
        let count = |count: Option<u64>| count.map_or(String::new(), |count| count.to_string());
        table.add_row([
            row.what.clone(),
            row.who.clone(),
            row.place.clone(),
            count(row.files),
            number(row, Some(row.median)),
            number(row, row.p99),
            row.count.to_string(),
            count(row.flushes),
            row.lacks.to_owned(),
        ]);
    }
    for column in NUMBERS {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn below(figure: &Figure) -> impl Iterator<Item = String> {
    let bars = figure.bars.iter().map(|bar| {
        let met = if bar.met { "met" } else { "MISSED" };
        format!("{met}: {}: {}", bar.asked, bar.found)
    });
    bars.chain(figure.notes.iter().cloned())
}

fn empty<const N: usize>(header: [&str; N], style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style);
    table.set_header(header);
    table
}

/// Three digits that say something.
fn number(row: &Row, number: Option<f64>) -> String {
    let Some(number) = number else {
        return String::new();
    };
    let digits = match number.abs() {
        n if n >= 100.0 => 0,
        n if n >= 10.0 => 1,
        n if n >= 1.0 => 2,
        _ => 3,
    };
    format!("{number:.digits$} {}", row.unit)
}
