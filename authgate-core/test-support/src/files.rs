//! Folders, files, and what is in them.

use std::fs;
use std::path::{Path, PathBuf};

/// The names in a folder, sorted.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every Rust file in a folder and the folders in it.
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

/// The part of a Markdown text from this heading of the second level to the next one.
pub fn section<'a>(markdown: &'a str, heading: &str) -> &'a str {
    let (_, rest) = markdown.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}
