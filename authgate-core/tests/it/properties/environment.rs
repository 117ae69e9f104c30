//! The file `.env`.

use std::fs;

use authgate_core::Environment;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use super::cases;
use crate::invariants::environment::hold_for;

/// Entries, some of them broken.
fn nearly() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "A=1\n",
        "A='2 #'\r\n",
        "export B=$A # note\n",
        "C=\"$A ${B}\"\n",
        "D='one\n# two\n'\n",
        "A=\n",
        "# canary\n",
        "\n",
        "  \t\n",
    ];
    const PIECES: &[&str] =
        &["canary", "export ", "=", "'", "\"", "\\", "$", "${", "}", "#", " ", "\r\n", "\n", "\u{a0}", "é"];
    let piece = prop_oneof![9 => select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    let broken = vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    vec(prop_oneof![12 => select(LINES).prop_map(str::to_owned), 1 => broken], 0..20).prop_map(|lines| lines.concat())
}

/// As `.env.example` tells to write it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r#"'"'"'"#))
}

/// Whether it says something and can be written into the file, as `.env.example` has it.
fn is_for_the_file(value: &str) -> bool {
    let backslashes = |part: &str| part.len() - part.trim_end_matches('\\').len();
    !value.trim().is_empty() && value.split('\'').all(|part| backslashes(part) % 2 == 0)
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_file_is_read_as_dotenvy_does_or_refused_by_its_line(content in nearly()) {
        hold_for(content.as_bytes(), TempDir::new().unwrap().path());
    }

    #[test]
    fn a_file_of_any_bytes_is_read_or_refused(content in vec(any::<u8>(), 0..100)) {
        hold_for(&content, TempDir::new().unwrap().path());
    }

    #[test]
    fn values_quoted_by_the_rule_arrive_unchanged(
        values in vec("[ -~é\n\t]{1,40}".prop_filter("cannot be written so", |value| is_for_the_file(value)), 1..5),
        line_end in select(&["\n", "\r\n"][..]),
    ) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(".env");
        let lines = values.iter().enumerate().map(|(number, value)| format!("PROPERTY_{number}={}", quoted(value)));
        fs::write(&path, lines.collect::<Vec<_>>().join(line_end)).unwrap();
        let environment = Environment::load_from(&path).unwrap();
        for (number, value) in values.iter().enumerate() {
            let read = environment.get(&format!("PROPERTY_{number}")).unwrap().unwrap();
            prop_assert_eq!(read.expose(), value);
        }
    }
}
