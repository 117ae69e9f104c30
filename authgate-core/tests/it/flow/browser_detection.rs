//! Whether a browser can be opened, and what happens when it is.

use std::collections::HashMap;
use std::path::PathBuf;

use authgate_core::flow::{Launcher, NoBrowser, Surroundings, System};

/// A desktop with these variables and programs, and somebody at the terminal.
fn desktop(system: System, variables: &[(&str, &str)], programs: &[&str]) -> Surroundings {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let programs: Vec<String> = programs.iter().copied().map(str::to_owned).collect();
    Surroundings {
        system,
        terminal: true,
        variable: Box::new(move |name| variables.get(name).cloned()),
        find_program: Box::new(move |name| {
            let file = name.rsplit('/').next()?;
            programs.iter().any(|program| program == file).then(|| PathBuf::from(format!("/usr/bin/{file}")))
        }),
    }
}

fn linux(variables: &[(&str, &str)], programs: &[&str]) -> Surroundings {
    desktop(System::Unix, variables, programs)
}

fn program(name: &str, arguments: &[&str]) -> Launcher {
    Launcher::new(format!("/usr/bin/{name}"), arguments.iter().copied())
}

/// case 89
#[test]
fn a_linux_desktop_needs_a_display_and_a_program_that_opens_urls() {
    for display in ["DISPLAY", "WAYLAND_DISPLAY"] {
        assert_eq!(linux(&[(display, ":0")], &["xdg-open"]).browser(), Ok(program("xdg-open", &[])));
        assert_eq!(linux(&[(display, ":0")], &[]).browser(), Err(NoBrowser::NoLauncher));
        assert_eq!(linux(&[(display, "")], &["xdg-open"]).browser(), Err(NoBrowser::NoDisplay));
    }
    assert_eq!(linux(&[], &["xdg-open"]).browser(), Err(NoBrowser::NoDisplay));
}

/// case 89
#[test]
fn over_ssh_a_display_means_nothing() {
    for ssh in ["SSH_CONNECTION", "SSH_TTY"] {
        let variables = [(ssh, "x"), ("DISPLAY", ":10")];
        assert_eq!(linux(&variables, &["xdg-open"]).browser(), Err(NoBrowser::Ssh));
        assert_eq!(desktop(System::MacOs, &[(ssh, "x")], &["open"]).browser(), Err(NoBrowser::Ssh));
    }
}

/// case 89
#[test]
fn macos_and_windows_always_have_a_browser() {
    assert_eq!(desktop(System::MacOs, &[], &["open"]).browser(), Ok(program("open", &[])));
    let windows = desktop(System::Windows, &[("SystemRoot", r"D:\Win"), ("BROWSER", "evil")], &["evil"]).browser();
    assert_eq!(windows, Ok(Launcher::new(r"D:\Win\System32\rundll32.exe", ["url.dll,FileProtocolHandler"])));
}

/// case 89
#[test]
fn wsl_opens_the_browser_of_its_windows_or_falls_back_to_what_linux_needs() {
    let wsl = ("WSL_DISTRO_NAME", "Debian");
    assert_eq!(linux(&[wsl], &["wslview"]).browser(), Ok(program("wslview", &[])));
    assert_eq!(linux(&[wsl], &["xdg-open"]).browser(), Err(NoBrowser::NoDisplay));
    assert_eq!(linux(&[wsl, ("DISPLAY", ":0")], &["xdg-open"]).browser(), Ok(program("xdg-open", &[])));
    assert_eq!(linux(&[wsl, ("DISPLAY", ":0")], &[]).browser(), Err(NoBrowser::NoLauncher));
}

/// case 89
#[test]
fn where_nobody_is_there_no_browser_is_opened() {
    let display = ("DISPLAY", ":0");
    assert_eq!(linux(&[display, ("CI", "true")], &["xdg-open"]).browser(), Err(NoBrowser::Ci));
    assert!(linux(&[display, ("CI", "false")], &["xdg-open"]).browser().is_ok());
    for remote in ["CODESPACES", "REMOTE_CONTAINERS"] {
        assert_eq!(linux(&[display, (remote, "true")], &["xdg-open"]).browser(), Err(NoBrowser::RemoteContainer));
    }
    let no_terminal = |variables: &[(&str, &str)]| Surroundings { terminal: false, ..linux(variables, &["xdg-open"]) };
    assert_eq!(no_terminal(&[display]).browser(), Err(NoBrowser::NoTerminal));
    assert!(!no_terminal(&[display]).is_unattended());
    assert!(no_terminal(&[("CI", "1")]).is_unattended());
    assert!(!linux(&[("CI", "1")], &[]).is_unattended());
}

/// cases 87, 88
#[test]
fn the_browser_variable_is_honoured_where_the_url_stays_one_argument() {
    let chosen = |value: &str| {
        let programs = ["firefox", "my browser", "w3m", "lynx", "sh", "env", "nohup", "xdg-open"];
        linux(&[("DISPLAY", ":0"), ("BROWSER", value)], &programs).browser().unwrap()
    };
    for (value, arguments) in [
        ("firefox", &[] as &[&str]),
        ("/opt/firefox", &[]),
        ("firefox %s", &[]),
        ("firefox --new-window %s", &["--new-window"]),
        ("firefox --new-window", &["--new-window"]),
        ("missing:firefox", &[]),
        ("w3m:firefox", &[]),
    ] {
        assert_eq!(chosen(value), program("firefox", arguments), "{value}");
    }
    assert_eq!(chosen("/opt/my browser"), program("my browser", &[]));
    for value in [
        r#"sh -c "curl %s""#,
        "sh -c %s",
        "sh",
        "nohup sh -c %s",
        "nohup /bin/bash -c",
        "env firefox",
        "firefox --url=%s",
        "firefox '%s'",
        "firefox $(id)",
        "w3m",
        "/usr/bin/lynx %s",
        "missing",
        ":",
    ] {
        assert_eq!(chosen(value), program("xdg-open", &[]), "{value}");
    }
}

#[test]
fn every_reason_says_what_is_in_the_way() {
    let error = authgate_core::Error::from(NoBrowser::NoDisplay);
    assert_eq!(
        error.to_string(),
        "no browser can be opened here: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    );
}

#[cfg(unix)]
mod launching {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use authgate_core::flow::{Browser, Launcher, NoBrowser, SystemBrowser};
    use authgate_core::{Error, Result};
    use tokio::time::Instant;
    use url::Url;

    const URL: &str = "https://auth.example.com/authorize?a=1&b=$(id)&c=%22%20x;y";

    async fn open(launcher: Launcher, url: &str) -> Result<()> {
        SystemBrowser::new(Ok(launcher)).open(&Url::parse(url).unwrap()).await
    }

    /// A launcher that is this shell script; `$0` is its own path.
    fn script(folder: &Path, text: &str) -> Launcher {
        let path = folder.join("launcher");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Launcher::new(path, ["--first"])
    }

    fn reason(outcome: Result<()>) -> String {
        match outcome.unwrap_err() {
            Error::BrowserUnavailable { reason } => reason,
            other => panic!("{other}"),
        }
    }

    /// cases 23, 87, 88, 159
    #[test]
    fn the_launcher_gets_the_url_as_one_argument_and_neither_terminal_nor_secret() {
        const MARK: &str = "LAUNCHER_TEST_FOLDER";

        // The environment of a process cannot be changed safely: this test runs itself in another.
        let Ok(folder) = std::env::var(MARK) else {
            let folder = tempfile::tempdir().unwrap();
            let name = "launching::the_launcher_gets_the_url_as_one_argument_and_neither_terminal_nor_secret";
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(MARK, folder.path())
                .env("CLIENT_SECRET", "canary")
                .env("BROWSER", "sh -c \"%s\"")
                .output()
                .unwrap();
            let output =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.contains("1 passed") && !output.contains("a line from the launcher"), "{output}");
            let seen = fs::read_to_string(folder.path().join("launcher.seen")).unwrap();
            assert_eq!(seen, format!("2\n--first\n{URL}\n--\nstdin is empty\n"));
            return;
        };
        let text = r#"exec 3>"$0.part"
printf '%s\n' "$#" "$@" -- >&3
env | grep -E 'canary|^BROWSER=' >&3
cat | grep . >&3 || echo 'stdin is empty' >&3
echo 'a line from the launcher'
echo 'a line from the launcher' >&2
mv "$0.part" "$0.seen""#;
        let launcher = script(Path::new(&folder), text);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(open(launcher, URL)).unwrap();
    }

    /// case 87
    #[tokio::test]
    async fn a_launcher_that_fails_or_is_missing_is_said_to() {
        let folder = tempfile::tempdir().unwrap();
        let reason_of_three = reason(open(script(folder.path(), "exit 3"), URL).await);
        assert!(reason_of_three.ends_with("launcher ended with status 3"), "{reason_of_three}");

        let missing = Launcher::new(folder.path().join("missing"), [""; 0]);
        let reason_of_missing = reason(open(missing, URL).await);
        assert!(reason_of_missing.contains("cannot be run"), "{reason_of_missing}");

        let url = Url::parse(URL).unwrap();
        let none = SystemBrowser::new(Err(NoBrowser::Ssh)).open(&url).await;
        assert!(reason(none).contains("SSH session"));
    }

    /// case 87: a launcher that stays is the browser itself, and is left alone.
    #[tokio::test(start_paused = true)]
    async fn a_launcher_that_hangs_is_waited_for_no_longer_than_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let launcher = script(folder.path(), "sleep 1\ntouch \"$0.done\"");
        let started = Instant::now();
        open(launcher, URL).await.unwrap();
        assert!(started.elapsed() <= Duration::from_millis(5100), "{:?}", started.elapsed());
        tokio::time::resume();
        while !folder.path().join("launcher.done").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// case 23
    #[tokio::test]
    async fn nothing_but_web_pages_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        for url in ["file:///etc/passwd", "javascript:alert(1)", "calc:"] {
            let launcher = script(folder.path(), "touch \"$0.ran\"");
            assert!(reason(open(launcher, url).await).contains("only http and https"), "{url}");
        }
        assert!(!folder.path().join("launcher.ran").exists());
    }
}
