//! A `.env` has the meaning that dotenvy gives it, or is refused without quoting its content.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use authgate_core::{Environment, Secret};

const FILE_LIMIT: usize = 64 * 1024;

/// dotenvy accepts this in the same places as a `$`: behind a backslash too, and not in a name.
const LIKE_A_DOLLAR: &str = "n\u{1}\\n";

/// A variable of the process that the tests name in files.
const OF_PROCESS: &str = "CARGO_MANIFEST_DIR";

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
        "contains a NUL character. Save it as UTF-8 text" => assert!(content.contains(&0)),
        "is not UTF-8 text" => assert!(std::str::from_utf8(content).is_err()),
        _ => assert_names_the_line(reason, std::str::from_utf8(content).expect("it was read")),
    }
}

/// Without a `$`, a file means what dotenvy makes of it. With one, it has the same names, and
/// nothing of the process comes into a value.
fn assert_means(environment: &Environment, content: &str) {
    let content = without_mark(content);
    let mut expected = HashMap::new();
    for entry in dotenvy::from_read_iter(content.replace('$', LIKE_A_DOLLAR).as_bytes()) {
        let (name, value) = entry.expect("dotenvy reads it too");
        expected.entry(name).or_insert(value);
    }
    for (name, value) in expected {
        let of_process = std::env::var(&name);
        let read = environment.get(&name).expect("the environment is UTF-8");
        let read = read.as_ref().map(Secret::expose);
        if of_process.is_ok() || !content.contains('$') {
            let value = of_process.unwrap_or(value);
            let expected = Some(value.as_str()).filter(|value| !value.trim().is_empty());
            assert_eq!(read, expected, "{name}");
        } else if let Ok(strange) = std::env::var(OF_PROCESS) {
            assert!(!read.is_some_and(|read| read.contains(&strange)), "{name}");
        }
    }
}

/// Checks that the message names the line. Its other words are the same for every file, so they
/// quote nothing.
fn assert_names_the_line(reason: &str, content: &str) {
    const TOO_LONG: &str = "makes the file larger than 64 KiB when its variables are expanded";
    const UNKNOWN_NAME: &str = "has a $ that names no variable from an earlier line of the file (the environment is not \
         searched). Put a value with $ in single quotes";
    let (line, rest) = reason
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(' '))
        .expect("a line is named");
    if [TOO_LONG, UNKNOWN_NAME].contains(&rest) {
        assert!(content.contains('$'));
        return;
    }
    assert_eq!(
        rest,
        "is not of the form NAME=value, or does not close a quote. Put a value with spaces, quotes, $ or # in single \
         quotes"
    );
    let line: usize = line.parse().expect("by its number");
    let content = without_mark(content).replace('$', LIKE_A_DOLLAR);
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
