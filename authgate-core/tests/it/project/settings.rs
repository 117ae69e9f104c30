use std::collections::BTreeSet;
use std::fs;

use authgate_test_support::files::section;

/// The variables that only the examples read, which have no table.
const OF_EXAMPLES: [&str; 2] = ["TOKEN_URL", "PROTECTED_API_URL"];

/// Returns the rows of the variables in the programs' READMEs.
fn rows() -> Vec<String> {
    let mut rows = Vec::new();
    for program in ["rust-m2m", "rust-cli"] {
        let readme = fs::read_to_string(format!("../{program}/README.md")).unwrap();
        let table = section(&readme, "## Environment Variables").lines();
        rows.extend(
            table
                .filter(|line| line.starts_with("| `"))
                .map(str::to_owned),
        );
    }
    rows
}

/// Returns the name in a row's first cell.
fn variable(row: &str) -> String {
    row.split('`').nth(1).unwrap().to_owned()
}

fn is_name(text: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    text.len() > 3 && text.chars().all(is_part)
}

#[test]
fn env_example_has_the_variables_of_the_readmes() {
    let listed: BTreeSet<_> = rows()
        .iter()
        .filter(|row| !row.contains("never in `.env`"))
        .map(|row| variable(row))
        .chain(OF_EXAMPLES.map(str::to_owned))
        .collect();
    let file = fs::read_to_string("../.env.example").unwrap();
    let in_file: BTreeSet<_> = file
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| is_name(name))
        .collect();
    assert_eq!(
        in_file, listed,
        ".env.example and the READMEs of rust-m2m and rust-cli, \"Environment Variables\", differ"
    );
}

#[test]
fn the_readmes_have_the_variables_that_the_programs_read() {
    let listed: BTreeSet<_> = rows().iter().map(|row| variable(row)).collect();
    let mut read = BTreeSet::new();
    for file in [
        "../rust-m2m/src/main.rs",
        "../rust-cli/src/arguments.rs",
        "src/config.rs",
        "src/config/environment.rs",
    ] {
        let code = fs::read_to_string(file).unwrap();
        // The sources read a name that follows a bracket or a comma. The names of clap follow `=`.
        let literals = code.split(['(', '[', ',']).filter_map(|rest| {
            let (literal, _) = rest.trim().strip_prefix('"')?.split_once('"')?;
            Some(literal.to_owned())
        });
        read.extend(literals.filter(|text| is_name(text) && !text.starts_with("CARGO_")));
    }
    assert_eq!(
        listed, read,
        "the READMEs of rust-m2m and rust-cli, \"Environment Variables\", and the sources differ"
    );
}
