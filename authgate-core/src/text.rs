//! Makes text from a server safe to show.
//!
//! Treat all text from a server as hostile until it has passed through here: an escape sequence can
//! rewrite the terminal, a BiDi control can make one URL look like another, and a megabyte of
//! description hides the line that matters.

use std::fmt::Write;
use std::path::Path;

use url::Url;

/// How many characters of a server's explanation we show.
pub(crate) const EXPLANATION_LENGTH: usize = 300;

/// The zero-width non-joiner and joiner.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Escapes like [`excerpt`], and cuts nothing.
pub fn printable(text: &str) -> String {
    escape(text, |_| false)
}

/// Makes text from a server one safe line of at most `limit` characters; `...` marks a cut.
///
/// Control, BiDi and invisible characters, including line breaks and tabs, become visible escapes.
///
/// ```
/// assert_eq!(authgate_core::excerpt("a\u{1b}[2Jb\nc", 300), r"a\u{1b}[2Jb\nc");
/// assert_eq!(authgate_core::excerpt("Jane Doe", 4), "Jane...");
/// ```
pub fn excerpt(text: &str, limit: usize) -> String {
    // One more, because a joiner is judged by the character after it.
    let start = text
        .char_indices()
        .nth(limit + 1)
        .map_or(text, |(end, _)| &text[..end]);
    let safe = printable(start);
    match safe.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", safe[..end].trim_end_matches(JOINERS)),
        None => safe,
    }
}

/// Returns what a server says beside an error code, made safe to show, and the scopes of the request
/// if the server refused them. A description that only repeats the code is left out.
pub(crate) fn explanation(
    code: &str,
    description: Option<&str>,
    scope: Option<&str>,
) -> Option<String> {
    let description = description.filter(|text| !text.is_empty() && *text != code);
    let scope = scope.filter(|scope| code == "invalid_scope" && !scope.is_empty());
    let parts: Vec<String> = description
        .map(|text| excerpt(text, EXPLANATION_LENGTH))
        .into_iter()
        .chain(scope.map(|scope| format!("asked for {}", excerpt(scope, EXPLANATION_LENGTH))))
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Formats a path so that it is safe to print.
pub(crate) fn printable_path(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Escapes a whole body for display: line breaks and tabs stay, every other character that
/// [`printable`] escapes is escaped, and bytes that are not UTF-8 become U+FFFD.
pub fn printable_body(body: &[u8]) -> String {
    escape(&String::from_utf8_lossy(body), |character| {
        matches!(character, '\n' | '\t')
    })
}

/// Returns a URL for display, without user name, password, query and fragment, because each of them
/// can carry credentials.
pub fn printable_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These calls fail only for a URL without a host, which has no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    printable(url.as_str())
}

fn escape(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut previous = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_kept = kept(character)
            || !is_deceptive(character)
            || joins(previous, character, characters.peek().copied());
        if is_kept {
            safe.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(safe, "{}", character.escape_default());
        }
        previous = Some(character);
    }
    safe
}

/// Returns whether a text has control, BiDi or invisible characters.
pub(crate) fn has_hidden_characters(text: &str) -> bool {
    text.chars().any(is_deceptive)
}

/// Returns whether a zero-width joiner or non-joiner changes how its neighbours look, as in an emoji
/// or a Persian name. Between ASCII characters it would only hide.
fn joins(previous: Option<char>, character: char, next: Option<char>) -> bool {
    let (Some(previous), Some(next)) = (previous, next) else {
        return false;
    };
    JOINERS.contains(&character)
        && !(previous.is_ascii() && next.is_ascii())
        && [previous, next]
            .iter()
            .all(|&neighbour| !is_deceptive(neighbour) && !neighbour.is_whitespace())
}

/// Returns whether a character acts on the terminal or hides in the text instead of showing itself:
/// Unicode calls these controls, formats and default ignorables.
///
/// We leave two groups alone: the marks that enclose digits, which are visible, and the variation
/// selectors up to U+FE0F, without which a red heart turns black.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}'                                      // soft hyphen
            | '\u{034f}' | '\u{115f}' | '\u{1160}'          // joiner and fillers that show nothing
            | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
            | '\u{061c}' | '\u{200e}' | '\u{200f}'          // BiDi marks
            | '\u{180b}'..='\u{180f}'                       // Mongolian selectors and separator
            | '\u{200b}'..='\u{200d}'                       // zero width
            | '\u{2028}' | '\u{2029}'                       // line and paragraph separators
            | '\u{202a}'..='\u{202e}'                       // BiDi embeddings and overrides
            | '\u{2060}'..='\u{206f}'                       // word joiner, BiDi isolates, deprecated controls
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}'          // BOM, interlinear annotation
            | '\u{13430}'..='\u{1343f}'                     // controls of hieroglyphs,
            | '\u{1bca0}'..='\u{1bca3}'                     // of shorthand,
            | '\u{1d173}'..='\u{1d17a}'                     // of music
            | '\u{e0000}'..='\u{e0fff}') // tags, and selectors that can spell any text
}
