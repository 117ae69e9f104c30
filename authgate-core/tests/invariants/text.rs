//! Text that was made safe to print is safe.

use authgate_core::excerpt;
use authgate_core::test_util::{printable, printable_body};

/// Checks any text.
pub(crate) fn check(text: &str) {
    let shown = printable(text);
    assert_is_harmless(&shown);
    assert_eq!(printable(&shown), shown, "what is safe is left alone");
    assert_eq!(
        printable_body(text.as_bytes())
            .replace('\n', r"\n")
            .replace('\t', r"\t"),
        shown
    );
    for limit in [0, 1, 20, 300] {
        assert_is_excerpt(&excerpt(text, limit), text, limit);
    }
}

/// Checks any body.
pub(crate) fn check_body(body: &[u8]) {
    assert_is_harmless(&printable_body(body).replace(['\n', '\t'], ""));
}

/// Checks that the text cannot control a terminal or hide: it has no control, BiDi or zero-width
/// character, except joiners within a script that needs them.
pub(crate) fn assert_is_harmless(shown: &str) {
    let hidden = |character: char| {
        character.is_control()
            || matches!(
                character,
                '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            )
            || matches!(character, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    assert!(!shown.contains(hidden), "{shown:?}");
    let characters: Vec<char> = shown.chars().collect();
    for neighbours in characters.windows(3) {
        let is_joiner = matches!(neighbours[1], '\u{200c}' | '\u{200d}');
        let is_needed = !neighbours[0].is_ascii() || !neighbours[2].is_ascii();
        assert!(!is_joiner || is_needed, "{shown:?}");
    }
}

fn assert_is_excerpt(excerpt: &str, text: &str, limit: usize) {
    assert_is_harmless(excerpt);
    let whole = printable(text);
    if whole.chars().count() <= limit {
        assert_eq!(excerpt, whole);
    } else {
        let start = excerpt.strip_suffix("...").expect("a cut is marked");
        assert!(
            whole.starts_with(start) && start.chars().count() <= limit,
            "{excerpt:?}"
        );
    }
}
