//! A program from `BROWSER` is started only if it is a browser, and with plain arguments.

use std::path::PathBuf;

use authgate_core::test_util::{Platform, System};

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
    let launcher = platform.browser();
    let program = launcher.program().expect("there is always xdg-open");
    let program = program.to_str().expect("it was named in UTF-8");
    assert!(
        program == "xdg-open" || variable.contains(program),
        "{launcher:?}"
    );
    let name = program
        .rsplit('/')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    assert!(
        !["sh", "bash", "env", "python3", "w3m", "lynx"].contains(&name),
        "{launcher:?}"
    );
    let shown = format!("{launcher:?}");
    let (_, arguments) = shown
        .split_once("arguments: ")
        .expect("a launcher has arguments");
    assert!(!arguments.contains(['%', '\'', '`', '$']), "{launcher:?}");
}
