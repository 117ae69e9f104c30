//! The variable `BROWSER`: command lines to try in turn, separated by colons, with `%s` for the URL.

use std::path::{Path, PathBuf};

use super::browser::Launcher;

/// Text browsers, which would take over the terminal that shows the login.
const TEXT_BROWSERS: &str = "w3m lynx links elinks browsh carbonyl www-browser";
/// Programs that would read the URL, or an argument that contains it, as commands.
const INTERPRETERS: &str = "sh bash dash zsh ksh fish csh tcsh busybox xargs python perl ruby node \
                            osascript pwsh powershell cmd ssh eval su";

/// Returns the launchers that `BROWSER` names, or why it names none that can be used.
///
/// An entry is split into words as a shell would split it, but no shell ever sees it.
pub(super) fn launchers(
    variable: &str,
    find_program: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<Vec<Launcher>, String> {
    let (mut launchers, mut problems) = (Vec::new(), Vec::new());
    for entry in entries(variable) {
        match launcher(entry.trim(), find_program) {
            Ok(launcher) => launchers.push(launcher),
            Err(problem) => problems.push(problem),
        }
    }
    if !launchers.is_empty() {
        return Ok(launchers);
    }
    if problems.is_empty() {
        return Err("it names no program".to_owned());
    }
    Err(problems.join(", and "))
}

/// Splits the variable at its colons, except at those in quotes.
fn entries(variable: &str) -> Vec<String> {
    let (mut entries, mut entry) = (Vec::new(), String::new());
    for part in variable.split(':') {
        entry.push_str(part);
        if shlex::split(&entry).is_some() {
            entries.push(std::mem::take(&mut entry));
        } else {
            entry.push(':');
        }
    }
    entries.push(entry);
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

fn launcher(
    entry: &str,
    find_program: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<Launcher, String> {
    // A path may contain blanks that are not quoted, so try the whole entry first.
    let mut words = match find_program(entry) {
        Some(_) => vec![entry.to_owned()],
        None => shlex::split(entry).ok_or("a quote in it is not closed")?,
    };
    // A shell would start the program in the background, which we do anyway.
    words.pop_if(|word| word == "&");
    if entry.contains(['$', '`']) {
        return Err("only a shell could replace the $ or ` in it".to_owned());
    }
    // A program may start another one, as env and nohup do, perhaps from a command line in a single
    // argument. So check every word.
    for word in words.iter().flat_map(|word| word.split_whitespace()) {
        let name = plain_name(word);
        if INTERPRETERS.split(' ').any(|known| known == name) {
            return Err(format!("{word} could run the address as a command"));
        }
        if TEXT_BROWSERS.split(' ').any(|known| known == name) {
            return Err(format!("{word} is a text browser"));
        }
    }
    let mut words = words.into_iter();
    let program = words.next().ok_or("it names no program")?;
    let path = find_program(&program).ok_or_else(|| format!("{program} was not found"))?;
    Ok(Launcher::new(path, words))
}

/// Returns the name of a program without its folder, `.exe` and version: `python` for
/// `/usr/bin/python3.12`.
fn plain_name(word: &str) -> String {
    let name = Path::new(word).file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default().to_ascii_lowercase();
    name.trim_end_matches(".exe")
        .trim_end_matches(|character: char| character.is_ascii_digit() || character == '.')
        .to_owned()
}
