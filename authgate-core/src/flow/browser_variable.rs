//! The variable `BROWSER`: programs to try, separated by colons, with `%s` for the URL.

use std::path::{Path, PathBuf};

use super::browser::SystemBrowser;

/// Text browsers, which would take over the terminal that shows the login.
const TEXT_BROWSERS: [&str; 8] = [
    "w3m",
    "lynx",
    "links",
    "links2",
    "elinks",
    "browsh",
    "carbonyl",
    "www-browser",
];
/// Programs that would read the URL, or an argument that contains it, as commands.
const INTERPRETERS: [&str; 20] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "fish",
    "csh",
    "tcsh",
    "busybox",
    "env",
    "xargs",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "osascript",
    "pwsh",
    "eval",
    "su",
];

/// Returns the first browser of `BROWSER` that can be used.
///
/// The URL becomes the last argument, and no shell ever sees it. An entry that needs more than that
/// (quotes, `%s` inside an argument, a shell) is skipped.
pub(super) fn browser(
    variable: &str,
    find_program: &dyn Fn(&str) -> Option<PathBuf>,
) -> Option<SystemBrowser> {
    variable
        .split(':')
        .find_map(|entry| from_entry(entry.trim(), find_program))
}

fn from_entry(
    entry: &str,
    find_program: &dyn Fn(&str) -> Option<PathBuf>,
) -> Option<SystemBrowser> {
    // A path may contain spaces, so try the whole entry first.
    if let Some(program) = find_program(entry).filter(|program| is_browser(program)) {
        return Some(SystemBrowser::new(program, [""; 0]));
    }
    let mut words = entry.split_whitespace();
    let program = find_program(words.next()?).filter(|program| is_browser(program))?;
    let mut arguments: Vec<&str> = words.collect();
    if arguments.last() == Some(&"%s") {
        arguments.pop();
    }
    // A program may start another one, as nohup and setsid do, so check the arguments as well.
    let is_plain = |argument: &&str| {
        !argument.contains(['%', '"', '\'', '\\', '`', '$']) && is_browser(Path::new(argument))
    };
    arguments
        .iter()
        .all(is_plain)
        .then(|| SystemBrowser::new(program, arguments))
}

fn is_browser(program: &Path) -> bool {
    let name = program
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    !name.is_empty() && !TEXT_BROWSERS.contains(&name) && !INTERPRETERS.contains(&name)
}
