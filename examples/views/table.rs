//! Workspaces as a table.

use std::collections::HashMap;

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use workdisk::model::WorkspaceId;

use super::{Source, Workspace, size};

const HEADER: [&str; 6] = ["name", "type", "status", "snapshots", "on disk", "notes"];

/// The columns whose words are short, and not broken in a narrow terminal.
const SHORT: std::ops::Range<usize> = 1..5;

/// Workspaces as a table, as wide as the terminal at most.
///
/// Its colours are written as escape sequences, wherever it goes: who prints it takes them out for what is no terminal.
pub(crate) fn table(workspaces: &[Workspace]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.enforce_styling();
    table.set_header(HEADER.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    let listed = workspaces.iter();
    let listed: HashMap<_, _> = listed.map(|workspace| (workspace.id, workspace)).collect();
    for workspace in workspaces {
        let persistence = &workspace.persistence;
        table.add_row([
            Cell::new(workspace.to_string()),
            Cell::new(workspace.session_type.to_string()),
            status(&workspace.status),
            Cell::new(persistence.snapshot_count.to_string()),
            Cell::new(persistence.size_bytes.map_or_else(|| "?".to_owned(), size)),
            Cell::new(notes(workspace, &listed)),
        ]);
    }
    // In much less, words would be broken into letters; then the terminal may wrap the lines.
    if table.width().is_some_and(|width| width >= 72) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        for column in table.column_iter_mut().skip(SHORT.start).take(SHORT.len()) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

fn status(status: &str) -> Cell {
    let color = match status {
        "ready" => return Cell::new(status),
        "active" => Color::Green,
        "failed" => Color::Red,
        _ => Color::Yellow,
    };
    Cell::new(status).fg(color)
}

/// Whether it is a template, and what it came from: by name where that is among those that are listed.
fn notes(workspace: &Workspace, listed: &HashMap<WorkspaceId, &Workspace>) -> String {
    let template = workspace.template.then(|| "template".to_owned());
    let source = workspace.source.as_ref().map(|source| match source {
        Source::Clone { clone_of, .. } => match listed.get(clone_of) {
            Some(source) => format!("clone of {source}"),
            None => format!("clone of {clone_of}"),
        },
        Source::Other(source) => source.to_string(),
    });
    let notes: Vec<String> = template.into_iter().chain(source).collect();
    notes.join(", ")
}
