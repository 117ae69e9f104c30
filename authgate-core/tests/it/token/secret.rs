//! Secrets cannot print themselves, and tokens are shortened in one way.

use authgate_core::{Secret, mask};

#[test]
fn a_secret_does_not_show_itself_in_debug_output() {
    let secret = Secret::from("canary-5f1e");
    assert!(!format!("{secret:?} {secret:#?} {:?}", Some(vec![&secret])).contains("canary"));
}

#[test]
fn secrets_are_compared_by_value() {
    assert_eq!(Secret::from("a"), Secret::from("a"));
    assert_ne!(Secret::from("a"), Secret::from("b"));
    assert_ne!(Secret::from("a"), Secret::from("aa"));
}

#[test]
fn a_token_is_shown_by_its_first_eight_characters() {
    assert_eq!(mask(Some(&Secret::from("123456789"))), "12345678...");
    assert_eq!(mask(Some(&Secret::from("12345678"))), "****");
    assert_eq!(mask(Some(&Secret::from(""))), "****");
    assert_eq!(mask(None), "****");
}

/// case 158
#[test]
fn a_shortened_token_cannot_act_on_the_terminal() {
    assert_eq!(mask(Some(&Secret::from("ab\u{1b}[2Jcdefgh"))), r"ab\u{1b}[2Jcd...");
    assert_eq!(mask(Some(&Secret::from("ééééééééé"))), "éééééééé...");
}
