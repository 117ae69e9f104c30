use std::fs;
use std::path::{Path, PathBuf};

use authgate_test_support::files::{names_in, rust_files};

/// The folders whose documents users read, from this package.
const FOLDERS: [&str; 8] = [
    "..",
    ".",
    "benches",
    "dev-server",
    "fuzz",
    "tests",
    "../rust-cli",
    "../rust-m2m",
];

#[test]
fn every_message_that_troubleshooting_quotes_is_shown_by_a_test() {
    let tests = ["tests", "../rust-cli/tests", "../rust-m2m/tests"]
        .iter()
        .flat_map(|folder| rust_files(Path::new(folder)))
        .map(|file| as_printed(&fs::read_to_string(file).unwrap()))
        .collect::<Vec<_>>();
    let troubleshooting = fs::read_to_string("../TROUBLESHOOTING.md").unwrap();
    let headings: Vec<_> = troubleshooting
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert!(headings.len() > 20, "{headings:?}");
    for heading in headings {
        for part in quotes(heading).flat_map(|quote| quote.split("...")) {
            let part = part.trim_matches([' ', ',']);
            assert!(
                tests.iter().any(|test| test.contains(part)),
                "TROUBLESHOOTING.md: no test shows a message with {part:?}"
            );
        }
    }
}

#[test]
fn the_readmes_code_is_code_that_the_crates_readme_compiles() {
    let compiled = fs::read_to_string("README.md").unwrap();
    let readme = fs::read_to_string("../README.md").unwrap();
    let blocks: Vec<_> = blocks(&readme, "rust").collect();
    assert!(!blocks.is_empty());
    let compiled: Vec<_> = compiled.lines().map(str::trim).collect();
    for line in blocks.iter().flat_map(|block| block.lines()) {
        assert!(
            compiled.contains(&line.trim()),
            "authgate-core/README.md has no line {line:?}"
        );
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = fs::read_to_string("../Cargo.toml").unwrap();
    let (_, dependencies) = manifest.split_once("\n[workspace.dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    for line in dependencies.lines() {
        assert!(
            line.is_empty() || line.starts_with("authgate-") || line.contains(" # "),
            "Cargo.toml: say after # why we need {line}"
        );
    }
}

#[test]
fn documents_name_no_repository_but_the_servers() {
    for (name, text) in documents("md").chain(documents("toml")) {
        for (position, host) in text.match_indices("https://github.com/") {
            let path = text[position + host.len()..]
                .split(|character: char| {
                    !character.is_alphanumeric() && !"/-._".contains(character)
                })
                .next();
            assert_eq!(path, Some("go-authgate/authgate"), "{}", name.display());
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for (name, text) in documents("md") {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => name.clone(),
                path => name.parent().unwrap().join(path),
            };
            assert!(
                target.exists(),
                "{}: {link} leads to no file",
                name.display()
            );
            if !heading.is_empty() {
                let target = fs::read_to_string(target).unwrap();
                assert!(
                    target.lines().any(|line| anchor(line) == heading),
                    "{}: {link} leads to no heading",
                    name.display()
                );
            }
        }
    }
}

/// Returns the texts in backticks.
fn quotes(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the code blocks that are marked as this language.
fn blocks<'a>(document: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!("\n```{language}\n");
    let blocks: Vec<_> = document.split(&begin).skip(1).collect();
    blocks
        .into_iter()
        .map(|block| block.split("\n```").next().unwrap())
}

/// Returns code with its strings as a program prints them: without escapes and line continuations.
fn as_printed(code: &str) -> String {
    let unescaped = code.replace("\\\n", " ").replace("\\\"", "\"");
    unescaped.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the documents of the workspace with this extension.
fn documents(extension: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let files = FOLDERS.into_iter().flat_map(|folder| {
        let names = names_in(Path::new(folder)).into_iter();
        names.map(move |name| Path::new(folder).join(name))
    });
    files
        .filter(move |file| file.extension().is_some_and(|its| its == extension))
        .map(|file| (file.clone(), fs::read_to_string(file).unwrap()))
}

/// Returns the anchor that GitHub gives to a heading.
fn anchor(line: &str) -> String {
    let heading = line.trim_start_matches('#').trim();
    let kept = heading
        .chars()
        .filter(|character| character.is_alphanumeric() || "- _".contains(*character));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
