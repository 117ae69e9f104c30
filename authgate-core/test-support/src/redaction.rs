use std::sync::LazyLock;

use regex_lite::Regex;

/// Patterns of the parts that differ from run to run, and their replacements.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"(127\.0\.0\.1|localhost|\[::1\])(:|%3A)\d+", "$1$2[port]"),
        (r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", "[code]"),
        (
            r"((?:^|[?&\s])(?:state|nonce|code|code_challenge)=)[\w.~-]+",
            "$1[random]",
        ),
        (r"(\.authgate-rust-)\w{12}\b", "$1[random]"),
        (r"([Tt]oken: )[\w.~-]{8}\.\.\.", "$1[token]..."),
        (
            r#"("(?:access|refresh|id)_token": ")[\w.~-]{8}\.\.\."#,
            "$1[token]...",
        ),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
        (
            r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
            "[time]",
        ),
        (r": \d+ s apart", ": [seconds] s apart"),
        (r"\bwait=[\d.]+", "wait=[seconds]"),
        (
            r#"((?:Expires In|TokenInfo Exp|"expires_in"|"exp")"?: )\d+"#,
            "$1[seconds]",
        ),
    ]
    .map(|(pattern, place)| (Regex::new(pattern).unwrap(), place))
    .into()
});

/// Replaces ports, codes, random values, tokens and times in a text for a snapshot.
pub fn redact(text: &str) -> String {
    PATTERNS
        .iter()
        .fold(text.to_owned(), |text, (pattern, place)| {
            pattern.replace_all(&text, *place).into_owned()
        })
}
