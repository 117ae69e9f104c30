//! The value of `BROWSER`.

use proptest::prelude::*;
use proptest::sample::select;

use super::cases;
use crate::invariants::browser_variable::hold_for;

fn word() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] =
        &["firefox", "/usr/bin/chromium", "sh", "/bin/bash", "env", "w3m", "-c", "%s", "--new=%s", "$HOME", ":"];
    prop_oneof![4 => select(KNOWN).prop_map(str::to_owned), 1 => "\\PC{0,5}"]
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn only_a_browser_is_started_and_with_plain_arguments(
        words in proptest::collection::vec(word(), 0..8),
        separator in select(&[" ", ":", "\t"][..]),
    ) {
        hold_for(&words.join(separator));
    }
}
