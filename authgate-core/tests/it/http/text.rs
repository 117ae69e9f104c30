//! Text from a server is made safe before a person sees it.

use authgate_core::test_util::printable;
use authgate_core::{Body, BodyEnd, excerpt, printable_url};

#[test]
fn terminal_control_characters_become_visible() {
    let hostile = [
        ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
        ("\u{1b}[2J", r"\u{1b}[2J"),
        ("\u{9b}31m", r"\u{9b}31m"),
        ("a\rb\u{8}c", r"a\rb\u{8}c"),
        ("\u{202e}txt.exe", r"\u{202e}txt.exe"),
        ("zero\u{200b}width\u{feff}", r"zero\u{200b}width\u{feff}"),
        ("line\nbreak\ttab\u{2028}", r"line\nbreak\ttab\u{2028}"),
        ("\u{2066}isolate\u{2069}", r"\u{2066}isolate\u{2069}"),
        ("\u{e0041}tag", r"\u{e0041}tag"),
        ("two\u{180b}\u{17b4}", r"two\u{180b}\u{17b4}"),
        (
            "\u{13430}\u{1bca0}\u{1d173}\u{fff0}",
            r"\u{13430}\u{1bca0}\u{1d173}\u{fff0}",
        ),
        ("bytes\u{e0101}\u{e01ef}", r"bytes\u{e0101}\u{e01ef}"),
    ];
    for (text, shown) in hostile {
        assert_eq!(printable(text), shown);
    }
}

#[test]
fn ordinary_text_of_any_language_is_left_as_it_is() {
    let text = "Jane Doe, Zoë, 山田太郎, Ελένη, שלום, 👋, ❤\u{fe0f}";
    assert_eq!(printable(text), text);
}

#[test]
fn a_body_keeps_its_lines_and_shows_bytes_that_are_no_text() {
    let body = Body {
        bytes: b"{\n\t\"a\": 1\r\n}\x1b[0m\xff".to_vec(),
        end: BodyEnd::Complete,
    };
    assert_eq!(body.printable(), "{\n\t\"a\": 1\\r\n}\\u{1b}[0m\u{fffd}");
}

#[test]
fn an_excerpt_is_cut_between_characters_and_says_so() {
    assert_eq!(excerpt("äöü", 2), "äö...");
    assert_eq!(excerpt("äöü", 3), "äöü");
    assert_eq!(excerpt(&"x".repeat(100_000), 300).len(), 303);
}

#[test]
fn a_url_is_shown_without_password_query_and_fragment() {
    let url = "https://user:password@host.example/path?access_token=canary#code=canary"
        .parse()
        .unwrap();
    assert_eq!(printable_url(&url), "https://host.example/path");
}
