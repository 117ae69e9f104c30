//! Decodes a text in every way in which a server may have encoded a part of it.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::SHORTEST_SECRET;

/// Base64 without padding, which the search leaves out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Returns the text without the escapes of URLs, of JSON and of HTML, each if it has such escapes.
pub(super) fn without_escapes(text: &str) -> impl Iterator<Item = String> {
    let kinds: [(char, ReadEscape); 3] = [
        ('%', percent_escape),
        ('\\', json_escape),
        ('&', html_escape),
    ];
    kinds
        .into_iter()
        .filter_map(|(mark, read)| replace_escapes(text, mark, read))
}

/// Reads an escape after its first character; returns what it stands for and the text after it.
type ReadEscape = fn(&str) -> Option<(Vec<u8>, &str)>;

fn replace_escapes(text: &str, mark: char, read: ReadEscape) -> Option<String> {
    let mut decoded = Vec::new();
    let mut has_escapes = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        decoded.extend_from_slice(before.as_bytes());
        rest = after;
        if let Some((bytes, after)) = read(after) {
            decoded.extend(bytes);
            rest = after;
            has_escapes = true;
        } else {
            decoded.extend(encoded(mark));
        }
    }
    decoded.extend_from_slice(rest.as_bytes());
    has_escapes.then(|| String::from_utf8_lossy(&decoded).into_owned())
}

/// Reads the two digits of `%2F`.
fn percent_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let (byte, rest) = hexadecimal(text, 2)?;
    Some((vec![u8::try_from(byte).ok()?], rest))
}

/// Reads the rest of `\/`, `\n` or `\u002f` (RFC 8259 section 7), or of `\x2f`, which JavaScript, PHP
/// and Python write.
fn json_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut characters = text.chars();
    let character = match characters.next()? {
        'u' => return utf16_escape(characters.as_str()),
        'x' => return percent_escape(characters.as_str()),
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other @ ('"' | '\'' | '\\' | '/') => other,
        _ => return None,
    };
    Some((encoded(character), characters.as_str()))
}

/// Reads the digits of `\u002f`, or of the two escapes that stand for one character together.
fn utf16_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let (unit, rest) = hexadecimal(text, 4)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((encoded(character), rest));
    }
    let (second, rest) = hexadecimal(rest.strip_prefix("\\u")?, 4)?;
    let units = [u16::try_from(unit).ok()?, u16::try_from(second).ok()?];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((encoded(character), rest))
}

/// Reads the rest of `&amp;`, `&#47;` or `&#x2F;`.
fn html_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    const LONGEST: usize = 10;
    /// Each name and its character.
    const NAMED: &str = "amp& lt< gt> quot\" apos' plus+ sol/ equals= percnt% num# dollar$ excl! colon: semi; quest? \
         commat@ lowbar_ lpar( rpar) lsqb[ rsqb] lcub{ rcub} comma, period. ast* bsol\\ Hat^ grave` vert|";

    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let (name, rest) = (&text[..end], &text[end + 1..]);
    let character = if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        char::from_u32(number.ok()?)?
    } else {
        let named = NAMED.split(' ').filter_map(|one| one.strip_prefix(name));
        let mut characters = named.filter_map(|character| character.parse().ok());
        characters.next()?
    };
    Some((encoded(character), rest))
}

fn hexadecimal(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_number.then(|| u32::from_str_radix(number, 16).ok())??;
    Some((number, rest))
}

fn encoded(character: char) -> Vec<u8> {
    character.to_string().into_bytes()
}

/// Decodes every part of the text that may be base64, of either alphabet and broken into lines. A
/// part may begin with other letters, so we begin at each of its first four.
pub(super) fn from_base64(text: &str) -> impl Iterator<Item = String> {
    /// Fewer characters cannot encode a secret.
    const SHORTEST_RUN: usize = SHORTEST_SECRET * 4 / 3;

    let is_in_run = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_\r\n".contains(byte);
    let runs: Vec<Vec<u8>> = text
        .as_bytes()
        .split(move |byte| !is_in_run(byte))
        .filter(|run| run.len() >= SHORTEST_RUN)
        .map(|run| {
            let characters = run.iter().filter(|byte| !b"\r\n".contains(byte));
            characters
                .map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => *other,
                })
                .collect()
        })
        .collect();
    (0..4).filter_map(move |skipped| {
        let mut decoded = String::new();
        for run in &runs {
            let mut characters = run.get(skipped..).unwrap_or_default();
            // One character alone encodes nothing.
            if characters.len() % 4 == 1 {
                characters = &characters[..characters.len() - 1];
            }
            let bytes = BASE64.decode(characters).unwrap_or_default();
            decoded.push_str(&String::from_utf8_lossy(&bytes));
            decoded.push('\n');
        }
        (!runs.is_empty()).then_some(decoded)
    })
}
