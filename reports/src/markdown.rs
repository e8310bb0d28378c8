//! Tables in markdown.

/// A table from its rows, the titles first: columns aligned, the first to the left, figures to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|cells| row(cells, &widths)).collect();
    lines.insert(lines.len().min(1), rule(&widths));
    lines.concat()
}

fn row(cells: &[String], widths: &[usize]) -> String {
    let cells: String = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(column, (cell, &width))| match column {
            0 => format!("| {cell:<width$} "),
            _ => format!("| {cell:>width$} "),
        })
        .collect();
    format!("{cells}|\n")
}

fn rule(widths: &[usize]) -> String {
    let cells: String = widths
        .iter()
        .enumerate()
        .map(|(column, &width)| match column {
            0 => format!("|-{}-", "-".repeat(width)),
            _ => format!("|-{}:", "-".repeat(width)),
        })
        .collect();
    format!("{cells}|\n")
}

/// Text in a cell: without what a terminal would obey, and without what would end the cell.
pub(crate) fn cell(text: &str) -> String {
    crate::text::harmless(text).replace('|', "\\|")
}
