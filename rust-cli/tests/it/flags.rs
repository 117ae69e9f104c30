use authgate_test_support::files::section;
use authgate_test_support::{Home, Run};

use crate::support::PROGRAM;

const README: &str = include_str!("../../README.md");

/// A flag with its value, as in `--flow auto|browser|device`, and its variable.
type Flag = (String, Option<String>);

/// Returns the options of `--help`, in their order.
fn flags_in(help: &str) -> Vec<Flag> {
    let (_, options) = help.split_once("Options:\n").unwrap();
    // Only descriptions are indented further.
    let is_flag = |line: &str| line.starts_with("  -") || line.starts_with("      --");
    let mut flags: Vec<(String, String)> = Vec::new();
    for line in options.lines() {
        if is_flag(line) {
            let (_, flag) = line.split_once("--").unwrap();
            flags.push((format!("--{}", flag.replace(['<', '>'], "")), String::new()));
        } else if let Some((_, description)) = flags.last_mut() {
            *description = format!("{description} {}", line.trim());
        }
    }
    let variable = |description: &str| {
        let (_, variable) = description.split_once("[variable: ")?;
        let end = variable.find([']', ',', '='])?;
        Some(variable[..end].to_owned())
    };
    flags
        .into_iter()
        .map(|(flag, description)| (flag, variable(&description)))
        .collect()
}

/// Returns the first cell and the last one of each row of a section's table, unescaped.
fn rows(heading: &str) -> Vec<(String, String)> {
    let rows = section(README, heading)
        .lines()
        .filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let row = row.replace("\\|", "\0");
        let cells: Vec<_> = row.split('|').map(|cell| cell.replace('\0', "|")).collect();
        (cells[1].clone(), cells[cells.len() - 2].clone())
    })
    .collect()
}

/// Returns the texts in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[tokio::test]
async fn the_readme_lists_each_flag_and_its_variable() {
    let help = Run::new(PROGRAM, &Home::new()).arg("--help").end().await;
    let flags = flags_in(&help.stdout);
    let listed: Vec<String> = rows("## Usage")
        .iter()
        .flat_map(|(flags, _)| quoted(flags).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let helped: Vec<String> = flags.iter().map(|(flag, _)| flag.clone()).collect();
    assert_eq!(
        listed, helped,
        "the flags in README.md, \"Usage\", and those of --help differ"
    );

    // A variable's row names its flag at its end or before a semicolon: "as `--flow`".
    let mut listed: Vec<Flag> = Vec::new();
    for (variable, description) in rows("## Environment Variables") {
        if let Some((_, flag)) = description.split_once("as `--") {
            let flag = flag.split_once('`').unwrap().0;
            let variable = quoted(&variable).next().unwrap().to_owned();
            listed.push((format!("--{flag}"), Some(variable)));
        }
    }
    let mut helped: Vec<Flag> = flags
        .into_iter()
        .filter(|(_, variable)| variable.is_some())
        .map(|(flag, variable)| (flag.split(' ').next().unwrap().to_owned(), variable))
        .collect();
    listed.sort();
    helped.sort();
    assert_eq!(
        listed, helped,
        "the variables in README.md, \"Environment Variables\", and those of --help differ"
    );
}

#[test]
fn flags_are_read_with_their_values_and_variables() {
    let help = "Options:\n      --a <B|C>\n          Text --d\n          [variable:\n          A_B=1]\n\n  -h, --help\n          Print help\n";
    assert_eq!(
        flags_in(help),
        [
            ("--a B|C".to_owned(), Some("A_B".to_owned())),
            ("--help".to_owned(), None)
        ]
    );
}
