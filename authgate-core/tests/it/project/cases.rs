//! The list of cases in `cases.md`, held against the doc comments of all tests.
//!
//! What no test shows, and why:
//!
//! - case 148: only the keyring of macOS knows one build from another, and asks a person. The switch
//!   that keeps the login in the file is a setting like the others, and tested with them.
//!
//! Shown as far as can be: a power cut, by the order of a save's steps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where tests are, seen from this package.
const FOLDERS: [&str; 4] = ["tests", "dev-server/tests", "../rust-cli/tests", "../rust-m2m/tests"];

#[test]
fn every_case_has_a_test_and_every_test_a_case_of_the_list() {
    let (listed, named) = (listed(), named());
    let without_test: Vec<_> = listed.difference(&named).collect();
    assert!(without_test.is_empty(), "no test names these cases: {without_test:?}");
    let unlisted: Vec<_> = named.difference(&listed).collect();
    assert!(unlisted.is_empty(), "cases.md does not list these cases: {unlisted:?}");
}

#[test]
fn the_words_case_and_cases_are_read_with_all_their_numbers() {
    assert_eq!(numbers("case 7"), [7]);
    assert_eq!(numbers("What is refused: cases 12, 13 and 140, and why."), [12, 13, 140]);
    assert_eq!(numbers("cases 1, 2; case 30"), [1, 2, 30]);
    assert!(numbers("in case of 3, a showcase 4, cases").is_empty());
}

/// The cases of the list, each there once.
fn listed() -> BTreeSet<u32> {
    let mut listed = BTreeSet::new();
    let list = fs::read_to_string("tests/cases.md").unwrap();
    for item in list.lines().filter_map(|line| line.strip_prefix("- ")) {
        let number = item.split(':').next().unwrap().parse().unwrap();
        assert!(listed.insert(number), "case {number} is listed twice");
    }
    listed
}

/// The cases that the doc comments of the tests name.
fn named() -> BTreeSet<u32> {
    let files = FOLDERS.iter().flat_map(|folder| rust_files(Path::new(folder)));
    let texts = files.map(|file| fs::read_to_string(file).unwrap());
    let numbers = texts.flat_map(|text| {
        let comments =
            text.lines().map(str::trim_start).filter(|line| line.starts_with("///") || line.starts_with("//!"));
        comments.flat_map(numbers).collect::<Vec<_>>()
    });
    numbers.collect()
}

/// The numbers that follow the words `case` and `cases`, as far as commas and `and` join them.
fn numbers(comment: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut is_counting = false;
    for word in comment.split([' ', ',']).filter(|word| !word.is_empty()) {
        match word.trim_end_matches(['.', ';', ':', ')']).parse() {
            Ok(number) if is_counting => numbers.push(number),
            _ => is_counting = matches!(word, "case" | "cases") || (is_counting && word == "and"),
        }
    }
    numbers
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
