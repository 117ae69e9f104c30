use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use authgate_test_support::files::{names_in, rust_files};

/// The path of each package from this one, and the prefix of its tests in the list.
const PACKAGES: [(&str, &str); 5] = [
    (".", ""),
    ("dev-server", "dev-server "),
    ("test-support", "test-support "),
    ("../rust-cli", "rust-cli "),
    ("../rust-m2m", "rust-m2m "),
];

#[test]
fn every_case_is_listed_once_with_tests_that_exist() {
    let tests = tests();
    for (number, named) in cases() {
        let missing: Vec<_> = named.iter().filter(|test| !tests.contains(*test)).collect();
        assert!(
            missing.is_empty(),
            "case {number} names tests that do not exist: {missing:#?}"
        );
    }
}

#[test]
fn no_comment_names_a_case() {
    let folders = PACKAGES
        .iter()
        .flat_map(|(package, _)| source_folders(package));
    for file in folders.flat_map(|folder| rust_files(&folder)) {
        let text = fs::read_to_string(&file).unwrap();
        let naming = text.lines().find(|line| {
            line.split_once("//")
                .is_some_and(|(_, comment)| names_a_case(comment))
        });
        assert_eq!(
            naming,
            None,
            "{}: name the test in cases.md instead",
            file.display()
        );
    }
    for (name, text) in scripts() {
        assert!(
            !names_a_case(&text),
            "{name}: name the test in cases.md instead"
        );
    }
}

#[test]
fn tests_are_found_with_their_modules() {
    let code = "
#[test]
fn first() {}

fn helper() {}

#[cfg(unix)]
mod inner {
    proptest! {
        #[test]
        fn second(text: String) {
        }
    }

    #[tokio::test(start_paused = true)]
    #[ignore = \"needs a keyring\"]
    async fn third() {
    }
}

#[tokio::test]
async fn fourth() {}
";
    assert_eq!(
        names_of_tests(code),
        ["first", "inner::second", "inner::third", "fourth"]
    );
}

#[test]
fn a_case_is_its_word_and_a_number() {
    for comment in [
        "case 7",
        "What is refused (cases 12, 13).",
        "Case 140: a power cut",
    ] {
        assert!(names_a_case(comment), "{comment}");
    }
    for comment in ["in case of 3", "a showcase 4", "cases", "case N"] {
        assert!(!names_a_case(comment), "{comment}");
    }
}

/// Reads the items of the list: a number, a text, and in brackets the tests or the reason why there
/// is none.
fn cases() -> BTreeMap<u32, Vec<String>> {
    let mut cases = BTreeMap::new();
    let list = fs::read_to_string("tests/cases.md").unwrap();
    for item in list
        .split("\n- ")
        .skip(1)
        .map(|item| item.split("\n\n").next().unwrap())
    {
        let words = item.split_whitespace().collect::<Vec<_>>().join(" ");
        let number = words
            .split(':')
            .next()
            .unwrap()
            .parse()
            .unwrap_or_else(|_| panic!("not a number: {words}"));
        let shown = words
            .strip_suffix(']')
            .and_then(|words| words.rsplit_once(" ["))
            .map_or("", |(_, shown)| shown);
        let says_why_no_test = shown.starts_with("no test: ");
        let tests = if says_why_no_test { "" } else { shown }
            .split('`')
            .skip(1)
            .step_by(2);
        let tests: Vec<_> = tests.map(str::to_owned).collect();
        assert_eq!(
            tests.is_empty(),
            says_why_no_test,
            "case {number} needs tests, or a reason"
        );
        assert_eq!(
            cases.insert(number, tests),
            None,
            "case {number} is listed twice"
        );
    }
    cases
}

/// Returns every test, as the list names it.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (package, prefix) in PACKAGES {
        for folder in source_folders(package) {
            for file in rust_files(&folder) {
                let module = module(file.strip_prefix(&folder).unwrap());
                let names = names_of_tests(&fs::read_to_string(&file).unwrap());
                tests.extend(names.iter().map(|name| format!("{prefix}{module}{name}")));
            }
        }
    }
    for (file, text) in scripts() {
        let functions = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("def "));
        let names = functions.filter(|function| function.starts_with("test_"));
        tests.extend(names.map(|name| format!("{file}::{}", name.split('(').next().unwrap())));
    }
    tests
}

/// Returns the folders of a package that contain Rust files.
fn source_folders(package: &str) -> impl Iterator<Item = PathBuf> {
    let folders = ["src", "tests", "examples"].map(|folder| Path::new(package).join(folder));
    folders.into_iter().filter(|folder| folder.exists())
}

/// Returns the path of a file's module, followed by `::`; empty for the root of a library, program
/// or test binary.
fn module(file: &Path) -> String {
    let mut names: Vec<_> = file
        .iter()
        .map(|name| name.to_str().unwrap().trim_end_matches(".rs"))
        .collect();
    names.pop_if(|name| ["mod", "main", "lib"].contains(name));
    if names.first() == Some(&"it") {
        names.remove(0);
    }
    names.into_iter().flat_map(|name| [name, "::"]).collect()
}

/// Returns the test functions, with their modules.
fn names_of_tests(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut modules = Vec::new();
    let mut is_test = false;
    for line in code.lines() {
        let (code, indentation) = (line.trim_start(), line.len() - line.trim_start().len());
        if let Some(name) = code
            .strip_prefix("mod ")
            .and_then(|code| code.strip_suffix(" {"))
        {
            modules.push((name, indentation));
        }
        if code == "}" {
            modules.pop_if(|(_, its)| *its == indentation);
        }
        is_test |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
        if let Some(function) = code
            .strip_prefix("async ")
            .unwrap_or(code)
            .strip_prefix("fn ")
        {
            let name = function.split('(').next().unwrap();
            if std::mem::take(&mut is_test) {
                let path = modules.iter().map(|(module, _)| *module).chain([name]);
                names.push(path.collect::<Vec<_>>().join("::"));
            }
        }
    }
    names
}

/// Returns the names and texts of CI's test files.
fn scripts() -> Vec<(String, String)> {
    let folder = Path::new("../.ci/tests");
    let names = if folder.exists() {
        names_in(folder)
    } else {
        Vec::new()
    };
    let scripts = names
        .into_iter()
        .filter(|name| Path::new(name).extension() == Some("py".as_ref()));
    scripts
        .map(|name| {
            (
                format!(".ci/tests/{name}"),
                fs::read_to_string(folder.join(name)).unwrap(),
            )
        })
        .collect()
}

/// Returns whether the word `case` or `cases` precedes a number.
fn names_a_case(comment: &str) -> bool {
    let words = comment
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_lowercase).collect();
    words
        .windows(2)
        .any(|pair| ["case", "cases"].contains(&pair[0].as_str()) && pair[1].parse::<u32>().is_ok())
}
