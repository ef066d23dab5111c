//! Workspaces as a table.

use std::collections::HashMap;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use workdisk::model::WorkspaceId;

use super::{Source, Workspace, minute, size};

/// Workspaces as a table, as wide as the terminal at most.
///
/// Its colours are written as escape sequences, wherever it goes: who prints it takes them out for what is no terminal.
pub(crate) fn table(workspaces: &[Workspace]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    // In less, words would be broken into letters; then the terminal may wrap the lines.
    if table.width().is_some_and(|width| width >= 72) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.enforce_styling();
    let header = [
        "name",
        "type",
        "status",
        "template",
        "snapshots",
        "on disk",
        "updated",
        "from",
    ];
    table.set_header(header.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    let listed = workspaces.iter();
    let listed: HashMap<_, _> = listed.map(|workspace| (workspace.id, workspace)).collect();
    for workspace in workspaces {
        let persistence = &workspace.persistence;
        table.add_row([
            Cell::new(workspace.to_string()),
            Cell::new(workspace.session_type.to_string()),
            status(&workspace.status),
            Cell::new(if workspace.template { "yes" } else { "" }),
            Cell::new(persistence.snapshot_count.to_string()),
            Cell::new(persistence.size_bytes.map_or_else(|| "?".to_owned(), size)),
            Cell::new(minute(workspace.updated_at)),
            Cell::new(from(workspace, &listed)),
        ]);
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

/// What a workspace came from, by name where that is among those that are listed.
fn from(workspace: &Workspace, listed: &HashMap<WorkspaceId, &Workspace>) -> String {
    match &workspace.source {
        None => String::new(),
        Some(Source::Clone { clone_of, .. }) => match listed.get(clone_of) {
            Some(source) => format!("clone of {source}"),
            None => format!("clone of {clone_of}"),
        },
        Some(Source::Other(source)) => source.to_string(),
    }
}
