//! A `.env` has the meaning that dotenvy gives it, or is refused without quoting its content.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use authgate_core::{Environment, Secret};

const FILE_LIMIT: usize = 64 * 1024;

/// Checks any content. Creates the file in `folder`.
pub(crate) fn check(content: &[u8], folder: &Path) {
    let path = folder.join(".env");
    fs::write(&path, content).expect("the folder is ours");
    let refusal = match Environment::load_from(&path) {
        Ok(environment) => {
            return assert_means(
                &environment,
                std::str::from_utf8(content).expect("it was read"),
            );
        }
        Err(refusal) => refusal.to_string(),
    };
    let reason = refusal
        .strip_prefix(&format!("{}: ", path.display()))
        .expect("the file is named");
    match reason {
        "is larger than 64 KiB" => assert!(content.len() > FILE_LIMIT),
        "is not UTF-8 text" => assert!(std::str::from_utf8(content).is_err()),
        _ => assert_names_the_line(reason, std::str::from_utf8(content).expect("it was read")),
    }
}

fn assert_means(environment: &Environment, content: &str) {
    let mut expected = HashMap::new();
    for entry in dotenvy::from_read_iter(without_mark(content).as_bytes()) {
        let (name, value) = entry.expect("dotenvy reads it too");
        expected.entry(name).or_insert(value);
    }
    for (name, value) in expected {
        let value = std::env::var(&name).unwrap_or(value);
        let read = environment.get(&name).expect("the environment is UTF-8");
        let read = read.as_ref().map(Secret::expose);
        assert_eq!(
            read,
            Some(value.as_str()).filter(|value| !value.trim().is_empty()),
            "{name}"
        );
    }
}

/// Checks that the message names the line. Its other words are the same for every file, so they
/// quote nothing.
fn assert_names_the_line(reason: &str, content: &str) {
    const TOO_LONG: &str = "grows beyond 64 KiB when its variables are expanded";
    let (line, rest) = reason
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(' '))
        .expect("a line is named");
    if rest == TOO_LONG {
        return;
    }
    assert_eq!(
        rest,
        "is not of the form NAME=value, or does not close a quote. Put a value with spaces, quotes, $ or # in single \
         quotes"
    );
    let line: usize = line.parse().expect("by its number");
    let content = without_mark(content);
    let lines: Vec<&str> = content.split_inclusive('\n').collect();
    let (before, from) = lines.split_at(line - 1);
    assert!(
        dotenvy::from_read_iter(before.concat().as_bytes()).all(|entry| entry.is_ok()),
        "before line {line}"
    );
    assert!(
        !from[0].trim().is_empty() && !from[0].trim().starts_with('#'),
        "line {line} is no entry"
    );
    assert!(
        dotenvy::from_read_iter(from.concat().as_bytes())
            .next()
            .expect("an entry")
            .is_err(),
        "line {line}"
    );
}

/// Returns the content that dotenvy gets.
fn without_mark(content: &str) -> String {
    content
        .strip_prefix('\u{feff}')
        .unwrap_or(content)
        .to_owned()
        + "\n"
}
