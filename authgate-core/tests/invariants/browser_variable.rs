//! A program from `BROWSER` is started only if it is a browser, and with the whole URL.

use std::path::{Path, PathBuf};

use authgate_core::test_util::{Platform, System};

const URL: &str = "https://auth.example.com/$(id)";

/// Checks any value of `BROWSER`, on a machine where every program exists.
pub(crate) fn check(variable: &str) {
    let browser = variable.to_owned();
    let platform = Platform {
        system: System::Unix,
        terminal: true,
        variable: Box::new(move |name| match name {
            "BROWSER" => Some(browser.clone()),
            "DISPLAY" => Some(":0".to_owned()),
            _ => None,
        }),
        find_program: Box::new(|name| (!name.is_empty()).then(|| PathBuf::from(name))),
    };
    let browser = platform.browser();
    assert!(!browser.launchers().is_empty(), "there is always xdg-open");
    let is_used = platform.problem_with_browser_variable().is_none();
    for launcher in browser.launchers() {
        let (program, arguments) = launcher.command_line(URL);
        assert!(is_used || program == Path::new("xdg-open"), "{launcher:?}");
        assert!(arguments.concat().contains(URL), "{launcher:?}");
        let program = program.to_str().expect("it was named in UTF-8");
        for word in arguments.iter().map(String::as_str).chain([program]) {
            let names = word
                .split_whitespace()
                .filter_map(|word| word.rsplit('/').next());
            for name in names {
                assert!(
                    !["sh", "bash", "python3", "w3m", "lynx"].contains(&name),
                    "{launcher:?}"
                );
            }
        }
    }
}
