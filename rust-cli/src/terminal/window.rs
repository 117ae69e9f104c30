//! The window of a terminal.

/// Returns the columns and rows, or `None` if there is no window or its size is unknown.
#[cfg(unix)]
pub(super) fn size(terminal: &impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let window = rustix::termios::tcgetwinsize(terminal).ok()?;
    (window.ws_col > 0 && window.ws_row > 0).then_some((window.ws_col.into(), window.ws_row.into()))
}

#[cfg(not(unix))]
pub(super) fn size<T>(_: &T) -> Option<(usize, usize)> {
    None
}

/// Returns the number of rows that the text takes in a window.
pub(super) fn rows(text: &str, columns: usize) -> usize {
    text.lines()
        .map(|line| line.chars().count().div_ceil(columns).max(1))
        .sum()
}

/// Breaks lines between words, because a narrow window would break them within a word. An indented
/// line is a URL to be copied, so it stays in one piece. Without a window, returns the text as it is.
pub(super) fn wrap(text: &str, window: Option<(usize, usize)>) -> String {
    let Some((columns, _)) = window else {
        return text.to_owned();
    };
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            if line.starts_with("    ") {
                line.to_owned()
            } else {
                wrap_line(line, columns)
            }
        })
        .collect();
    lines.join("\n")
}

fn wrap_line(line: &str, columns: usize) -> String {
    let mut wrapped = String::with_capacity(line.len());
    let mut used = 0;
    for (index, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 {
            let fits = used + 1 + length <= columns;
            wrapped.push(if fits { ' ' } else { '\n' });
            used = if fits { used + 1 } else { 0 };
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}
