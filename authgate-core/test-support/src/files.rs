//! Reads folders and files.

use std::fs;
use std::path::{Path, PathBuf};

pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns every Rust file in a folder and its subfolders.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in names_in(folder).into_iter().map(|name| folder.join(name)) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Returns the part of a Markdown text from this second-level heading to the next one.
pub fn section<'a>(markdown: &'a str, heading: &str) -> &'a str {
    let (_, rest) = markdown
        .split_once(&format!("{heading}\n"))
        .unwrap_or_else(|| panic!("no {heading:?}"));
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

/// Checks that the README and the comments in the code number the same steps.
#[track_caller]
pub fn assert_same_steps(readme: &str, code: &str, count: usize) {
    let is_step = |line: &&str| line.starts_with(|character: char| character.is_ascii_digit());
    let how_it_works = section(readme, "## How It Works").replace('`', "");
    let steps: Vec<_> = how_it_works.lines().filter(is_step).collect();
    let comments = code
        .lines()
        .filter_map(|line| line.trim().strip_prefix("// "));
    assert_eq!(steps.len(), count);
    assert_eq!(steps, comments.filter(is_step).collect::<Vec<_>>());
}
