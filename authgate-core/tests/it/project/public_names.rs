use std::fs;

/// The names that a user of the library can import, one on a line.
const LISTED: &str = include_str!("public_names.txt");

#[test]
fn a_new_public_name_is_a_decision() {
    let code = fs::read_to_string("src/lib.rs").unwrap();
    let mut exported = exported_names(&code);
    exported.sort_unstable();
    assert_eq!(
        exported,
        LISTED.lines().collect::<Vec<_>>(),
        "src/lib.rs and public_names.txt differ. A name is public if a program or an example of ours \
         uses it; what only tests touch belongs in src/test_util.rs"
    );
}

#[test]
fn exported_names_are_read_one_by_one() {
    let code =
        "//! pub use\nmod a;\npub use a::{B, C};\n// d\n#[cfg(e)]\npub use f::g;\npub use h;\n";
    assert_eq!(exported_names(code), ["B", "C", "g", "h"]);
}

/// The names that the crate's root exports, without the modules for tests and for fuzzing.
fn exported_names(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for item in code.split(';') {
        let Some((_, public)) = item.split_once("\npub ") else {
            continue;
        };
        if matches!(public, "mod test_util" | "mod fuzzing") {
            continue;
        }
        let Some(path) = public.strip_prefix("use ") else {
            panic!("pub {public}: names come from private modules, by `pub use`");
        };
        let list = match path.split_once('{') {
            Some((_, list)) => list.trim_end_matches('}'),
            None => path.rsplit("::").next().unwrap(),
        };
        assert!(!list.contains(['{', '*']), "{path}: name each item");
        names.extend(
            list.split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty()),
        );
    }
    names
}
