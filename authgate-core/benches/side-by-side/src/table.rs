//! The table: one row for each comparison, with its goal and whether the goal is met.

use std::fmt::Write;

use comfy_table::{Table, presets};

use crate::rounds::Ratio;

/// One comparison.
pub(crate) struct Row {
    what: String,
    against: String,
    theirs: String,
    ours: String,
    ratio: String,
    goal: String,
    is_met: bool,
}

/// The goal for a ratio.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    /// Creates a row for the ratio of ours to theirs, both measured in the same rounds.
    pub(crate) fn ratio(
        what: &str,
        against: &str,
        theirs: String,
        ours: String,
        ratio: &Ratio,
        goal: Goal,
    ) -> Self {
        let (goal, is_met) = match goal {
            Goal::AtMost(most) => (format!("at most {most}"), ratio.median <= most),
            Goal::AtLeast(least) => (format!("at least {least}"), ratio.median >= least),
        };
        Self {
            ratio: ratio.to_string(),
            ..Self::count(what, against, theirs, ours, &goal, is_met)
        }
    }

    /// Creates a row for two counts.
    pub(crate) fn count(
        what: &str,
        against: &str,
        theirs: impl Into<String>,
        ours: impl Into<String>,
        goal: &str,
        is_met: bool,
    ) -> Self {
        Self {
            what: what.to_owned(),
            against: against.to_owned(),
            theirs: theirs.into(),
            ours: ours.into(),
            ratio: String::new(),
            goal: goal.to_owned(),
            is_met,
        }
    }

    pub(crate) fn is_met(&self) -> bool {
        self.is_met
    }
}

/// Formats all rows as Markdown.
pub(crate) fn of(rows: &[Row]) -> String {
    let mut table = markdown([
        "what",
        "against",
        "theirs",
        "ours",
        "ratio (quartiles)",
        "goal",
        "met",
    ]);
    for row in rows {
        let met = if row.is_met { "yes" } else { "**no**" };
        table.add_row([
            &row.what,
            &row.against,
            &row.theirs,
            &row.ours,
            &row.ratio,
            &row.goal,
            met,
        ]);
    }
    table.to_string()
}

/// Creates an empty table.
pub(crate) fn markdown<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    table
}

/// Formats a time in the unit that suits it.
pub(crate) fn time(seconds: f64) -> String {
    let mut text = String::new();
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = if value < 10.0 { 2 } else { 1 };
    let _ = write!(text, "{value:.digits$} {unit}");
    text
}

/// Formats a size in mebibytes.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / (1024.0 * 1024.0))
}
