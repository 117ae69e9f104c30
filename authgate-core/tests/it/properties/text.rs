//! Text that is shown to a person.

use authgate_core::excerpt;
use authgate_core::test_util::{printable, printable_body};
use proptest::char::range;
use proptest::collection::vec;
use proptest::prelude::*;

use super::for_any;
use crate::invariants::text::{check, check_body};

/// Generates text, mostly of harmful characters.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let harmful = prop_oneof![
        range('\0', '\u{9f}'),
        range('\u{200b}', '\u{206f}'),
        range('\u{e0000}', '\u{e007f}'),
        any::<char>(),
    ];
    vec(harmful, 0..50).prop_map(String::from_iter)
}

#[test]
fn text_that_is_shown_neither_acts_nor_hides() {
    for_any(512, hostile(), |text| check(&text));
}

#[test]
fn a_body_of_any_bytes_is_shown_without_harm() {
    for_any(512, vec(any::<u8>(), 0..200), |body| check_body(&body));
}

/// The tables of Unicode define these characters. The sixteen variation selectors of emoji and the
/// marks that enclose digits are excluded, because both are visible.
#[test]
fn no_control_format_or_ignorable_character_is_passed_on() {
    let text = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}&&[^\u{fe00}-\u{fe0f}\p{Prepended_Concatenation_Mark}]]{1,30}";
    for_any(512, text, |text| {
        assert!(printable(&text).is_ascii(), "{}", printable(&text));
    });
}

#[test]
fn joiners_of_emoji_and_scripts_stay_and_others_are_shown() {
    for name in [
        "\u{1f469}\u{200d}\u{1f4bb}",        // a woman at a computer
        "\u{2764}\u{fe0f}\u{200d}\u{1f525}", // a heart on fire
        "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}", // "I want", in Persian
        "PDF\u{200c}\u{647}\u{627}",
    ] {
        assert_eq!(printable(name), name);
        assert_eq!(excerpt(name, 300), name);
    }
    for (text, shown) in [
        ("jane\u{200d}doe", r"jane\u{200d}doe"),
        ("\u{200c}jane", r"\u{200c}jane"),
        ("\u{1f469}\u{200d}", "\u{1f469}\\u{200d}"),
        (
            "\u{645}\u{200c}\u{200c}\u{645}",
            "\u{645}\\u{200c}\\u{200c}\u{645}",
        ),
        ("\u{645}\u{200c} \u{645}", "\u{645}\\u{200c} \u{645}"),
    ] {
        assert_eq!(printable(text), shown);
    }
}

#[test]
fn letters_digits_and_signs_stay_as_they_are() {
    for_any(
        512,
        r"[\p{L}\p{Nd}\p{P}\p{Sc}&&[^\u{115f}\u{1160}\u{3164}\u{ffa0}] ]{0,50}",
        |text| {
            let shown = [
                printable(&text),
                excerpt(&text, 50),
                printable_body(text.as_bytes()),
            ];
            assert_eq!(shown, [&*text; 3]);
        },
    );
}
