//! URLs that a person has written.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::cases;
use crate::invariants::url::hold_for;

/// Something like a URL, each part of it right, wrong or missing.
fn written() -> impl Strategy<Value = String> {
    let scheme = select(&["https://", "http://", "HTTP://", "http:", "ftp://", "javascript:", "https:\\\\", ""][..]);
    let user = option::weighted(0.2, select(&["canary@", "user:canary@", ":canary@", "@"][..]));
    let host = prop_oneof![
        select(&["localhost", "127.0.0.1", "127.1", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "auth.example.com"][..])
            .prop_map(str::to_owned),
        "[a-zA-Z0-9.%-]{0,12}",
        "\\PC{0,6}",
    ];
    let port = option::of(prop_oneof![":[0-9]{0,6}", Just(":80".to_owned()), Just(":8088".to_owned())]);
    let path = prop_oneof![Just(String::new()), "/[a-z:/\\\\@%]{0,12}", "/\\PC{0,6}", "/callback"];
    let rest = option::weighted(0.3, select(&["?canary", "#canary", "?", "#", " ", "\n", "\u{1b}[2J"][..]));
    (scheme, user, host, port, path, rest).prop_map(|(scheme, user, host, port, path, rest)| {
        let [user, rest] = [user, rest].map(Option::unwrap_or_default);
        format!("{scheme}{user}{host}{}{path}{rest}", port.unwrap_or_default())
    })
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn an_accepted_url_may_get_a_secret_and_a_refusal_tells_none(written in written()) {
        hold_for(&written);
    }

    #[test]
    fn any_text_is_a_url_that_is_allowed_or_refused(text in any::<String>()) {
        hold_for(&text);
    }
}
