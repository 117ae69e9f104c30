//! A person's settings: URLs, `BROWSER` and `.env`.

use std::fs;

use authgate_core::Environment;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use super::for_any;
use crate::invariants::{browser_variable, environment, url};

/// Generates a text that resembles a URL. Each part is right, wrong or missing.
fn written() -> impl Strategy<Value = String> {
    let scheme = select(
        &[
            "https://",
            "http://",
            "HTTP://",
            "http:",
            "ftp://",
            "javascript:",
            "https:\\\\",
            "",
        ][..],
    );
    let user = option::weighted(
        0.2,
        select(&["canary@", "user:canary@", ":canary@", "@"][..]),
    );
    let host = prop_oneof![
        select(
            &[
                "localhost",
                "127.0.0.1",
                "127.1",
                "0x7f.1",
                "[::1]",
                "[::ffff:127.0.0.1]",
                "auth.example.com"
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-zA-Z0-9.%-]{0,12}",
        "\\PC{0,6}",
    ];
    let port = option::of(prop_oneof![
        ":[0-9]{0,6}",
        Just(":80".to_owned()),
        Just(":8088".to_owned())
    ]);
    let path = prop_oneof![
        Just(String::new()),
        "/[a-z:/\\\\@%]{0,12}",
        "/\\PC{0,6}",
        "/callback"
    ];
    let rest = option::weighted(
        0.3,
        select(&["?canary", "#canary", "?", "#", " ", "\n", "\u{1b}[2J"][..]),
    );
    (scheme, user, host, port, path, rest).prop_map(|(scheme, user, host, port, path, rest)| {
        let [user, rest] = [user, rest].map(Option::unwrap_or_default);
        format!(
            "{scheme}{user}{host}{}{path}{rest}",
            port.unwrap_or_default()
        )
    })
}

fn word() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "firefox",
        "/usr/bin/chromium",
        "sh",
        "/bin/bash",
        "env",
        "nohup",
        "'Profile 2'",
        "\"",
        "w3m",
        "-c",
        "%s",
        "--new=%s",
        "$HOME",
        ":",
    ];
    prop_oneof![4 => select(KNOWN).prop_map(str::to_owned), 1 => "\\PC{0,5}"]
}

/// Generates entries, some of them broken.
fn nearly() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "A=1\n",
        "A='2 #'\r\n",
        "export B=$A # note\n",
        "C=\"$A ${B}\"\n",
        "E=$CARGO_MANIFEST_DIR\n",
        "F=\"${CARGO_MANIFEST_DIR}/\"\n",
        "D='one\n# two\n'\n",
        "A=\n",
        "# canary\n",
        "\n",
        "  \t\n",
    ];
    const PIECES: &[&str] = &[
        "canary",
        "export ",
        "=",
        "'",
        "\"",
        "\\",
        "$",
        "${",
        "}",
        "CARGO_MANIFEST_DIR",
        "#",
        " ",
        "\r\n",
        "\n",
        "\u{a0}",
        "é",
    ];
    let piece = prop_oneof![9 => select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    let broken = vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    vec(
        prop_oneof![12 => select(LINES).prop_map(str::to_owned), 1 => broken],
        0..20,
    )
    .prop_map(|lines| lines.concat())
}

/// Quotes a value as `.env.example` says.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r#"'"'"'"#))
}

/// Returns whether the value is not blank and can be written into the file by the rules of
/// `.env.example`.
fn can_be_written(value: &str) -> bool {
    let backslashes = |part: &str| part.len() - part.trim_end_matches('\\').len();
    !value.trim().is_empty() && value.split('\'').all(|part| backslashes(part) % 2 == 0)
}

#[test]
fn an_accepted_url_may_get_a_secret_and_a_refusal_tells_none() {
    for_any(1024, written(), |written| url::check(&written));
}

#[test]
fn any_text_is_a_url_that_is_allowed_or_refused() {
    for_any(1024, any::<String>(), |text| url::check(&text));
}

#[test]
fn only_a_browser_is_started_and_with_the_whole_url() {
    for_any(
        512,
        (vec(word(), 0..8), select(&[" ", ":", "\t"][..])),
        |(words, separator)| {
            browser_variable::check(&words.join(separator));
        },
    );
}

#[test]
fn a_file_is_read_as_dotenvy_does_or_refused_by_its_line() {
    for_any(512, nearly(), |content| {
        environment::check(content.as_bytes(), TempDir::new().unwrap().path());
    });
}

#[test]
fn a_file_of_any_bytes_is_read_or_refused() {
    for_any(512, vec(any::<u8>(), 0..100), |content| {
        environment::check(&content, TempDir::new().unwrap().path());
    });
}

#[test]
fn values_quoted_by_the_rule_arrive_unchanged() {
    let value =
        "[ -~é\n\t]{1,40}".prop_filter("cannot be written so", |value| can_be_written(value));
    for_any(
        512,
        (vec(value, 1..5), select(&["\n", "\r\n"][..])),
        |(values, line_end)| {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join(".env");
            let lines = values
                .iter()
                .enumerate()
                .map(|(number, value)| format!("PROPERTY_{number}={}", quoted(value)));
            fs::write(&path, lines.collect::<Vec<_>>().join(line_end)).unwrap();
            let environment = Environment::load_from(&path).unwrap();
            for (number, value) in values.iter().enumerate() {
                let read = environment
                    .get(&format!("PROPERTY_{number}"))
                    .unwrap()
                    .unwrap();
                assert_eq!(read.expose(), value);
            }
        },
    );
}
