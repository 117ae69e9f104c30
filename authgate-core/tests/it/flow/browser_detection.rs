//! Whether a browser can be opened, and what happens when it is.

use authgate_core::Browser;
use authgate_core::test_util::System::{MacOs, Unix, Windows};
use authgate_core::test_util::SystemBrowser;
use insta::assert_snapshot;
use url::Url;

use crate::support::flow::described;
use crate::support::logins::platform;

const SSH: &str = "this is an SSH session, so the browser would open on the remote machine";
const REMOTE_CONTAINER: &str =
    "this is a remote container, which a browser on your machine cannot reach";
const CI: &str = "CI is set, so nobody is there to log in";
const NO_TERMINAL: &str = "there is no terminal, so nobody is there to log in";
const NO_DISPLAY: &str = "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)";
const NO_LAUNCHER: &str =
    "no program that opens URLs was found (xdg-open, wslview, or one named in BROWSER)";

#[test]
fn a_browser_is_found_or_the_reason_is_told() {
    const WSL: &str = "WSL_DISTRO_NAME=Debian";
    for (system, variables, program, expected) in [
        (
            Unix,
            &["DISPLAY=:0"] as &[&str],
            "xdg-open",
            Ok("/usr/bin/xdg-open"),
        ),
        (Unix, &["DISPLAY=:0"], "none", Err(NO_LAUNCHER)),
        (Unix, &["DISPLAY="], "xdg-open", Err(NO_DISPLAY)),
        (
            Unix,
            &["WAYLAND_DISPLAY=:0"],
            "xdg-open",
            Ok("/usr/bin/xdg-open"),
        ),
        (Unix, &["WAYLAND_DISPLAY=:0"], "none", Err(NO_LAUNCHER)),
        (Unix, &["WAYLAND_DISPLAY="], "xdg-open", Err(NO_DISPLAY)),
        (Unix, &[], "xdg-open", Err(NO_DISPLAY)),
        (
            Unix,
            &["SSH_CONNECTION=x", "DISPLAY=:10"],
            "xdg-open",
            Err(SSH),
        ),
        (Unix, &["SSH_TTY=x", "DISPLAY=:10"], "xdg-open", Err(SSH)),
        (MacOs, &["SSH_CONNECTION=x"], "open", Err(SSH)),
        (MacOs, &["SSH_TTY=x"], "open", Err(SSH)),
        (MacOs, &[], "open", Ok("/usr/bin/open")),
        (Unix, &[WSL], "wslview", Ok("/usr/bin/wslview")),
        (Unix, &[WSL], "xdg-open", Err(NO_DISPLAY)),
        (
            Unix,
            &[WSL, "DISPLAY=:0"],
            "xdg-open",
            Ok("/usr/bin/xdg-open"),
        ),
        (Unix, &[WSL, "DISPLAY=:0"], "none", Err(NO_LAUNCHER)),
        (Unix, &["DISPLAY=:0", "CI=true"], "xdg-open", Err(CI)),
        (
            Unix,
            &["DISPLAY=:0", "CI=false"],
            "xdg-open",
            Ok("/usr/bin/xdg-open"),
        ),
        (
            Unix,
            &["DISPLAY=:0", "CODESPACES=true"],
            "xdg-open",
            Err(REMOTE_CONTAINER),
        ),
        (
            Unix,
            &["DISPLAY=:0", "REMOTE_CONTAINERS=true"],
            "xdg-open",
            Err(REMOTE_CONTAINER),
        ),
    ] {
        let found = platform(system, true, variables, &[program]).browser();
        assert_eq!(
            found,
            expected.map_or_else(SystemBrowser::unavailable, |path| SystemBrowser::new(
                path, [""; 0]
            )),
            "{system:?} {variables:?} {program}"
        );
    }
    let windows = platform(
        Windows,
        true,
        &[r"SystemRoot=D:\Win", "BROWSER=evil"],
        &["evil"],
    )
    .browser();
    assert_eq!(
        windows,
        SystemBrowser::new(
            r"D:\Win\System32\rundll32.exe",
            ["url.dll,FileProtocolHandler"]
        )
    );
}

#[tokio::test]
async fn without_a_terminal_no_browser_is_opened() {
    let at = |terminal, variables: &[&str]| platform(Unix, terminal, variables, &["xdg-open"]);
    let browser = at(false, &["DISPLAY=:0"]).browser();
    assert_eq!(browser, SystemBrowser::unavailable(NO_TERMINAL));
    assert!(!browser.is_available());
    assert!(!at(false, &["DISPLAY=:0"]).is_unattended());
    assert!(at(false, &["CI=1"]).is_unattended());
    assert!(!at(true, &["CI=1"]).is_unattended());
    let url = Url::parse("https://auth.example.com/authorize").unwrap();
    let error = browser.open(&url).await.unwrap_err();
    assert_snapshot!(described(&error), @"BrowserUnavailable: no browser can be opened here: there is no terminal, so nobody is there to log in");
}

#[test]
fn the_url_stays_one_argument_whatever_browser_says() {
    let chosen = |value: &str| {
        let programs = [
            "firefox",
            "my browser",
            "w3m",
            "lynx",
            "sh",
            "env",
            "nohup",
            "xdg-open",
        ];
        platform(
            Unix,
            true,
            &["DISPLAY=:0", &format!("BROWSER={value}")],
            &programs,
        )
        .browser()
    };
    let program = |name: &str, arguments: &[&str]| {
        SystemBrowser::new(format!("/usr/bin/{name}"), arguments.iter().copied())
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

#[cfg(unix)]
mod launching {
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use authgate_core::test_util::SystemBrowser;
    use authgate_core::{Browser, Result};
    use authgate_test_support::{Home, until};
    use tokio::time::{Instant, resume};
    use url::Url;

    use crate::support::flow::described;

    const URL: &str = "https://auth.example.com/authorize?a=1&b=$(id)&c=%22%20x;y";

    async fn open(launcher: SystemBrowser, url: &str) -> Result<()> {
        launcher.open(&Url::parse(url).unwrap()).await
    }

    /// Creates a launcher that runs this shell script, with a path in the folder as its `$0`.
    fn script(folder: &Path, text: &str) -> SystemBrowser {
        SystemBrowser::new(
            "sh",
            [
                "-c",
                text,
                folder.join("launcher").to_str().unwrap(),
                "--first",
            ],
        )
    }

    fn reason(outcome: Result<()>) -> String {
        described(&outcome.unwrap_err())
    }

    #[test]
    fn the_launcher_gets_the_url_and_neither_terminal_nor_secret() {
        const FOLDER: &str = "LAUNCHER_TEST_FOLDER";

        // A process cannot change its environment safely, so this test runs itself in another one.
        let Some(folder) = std::env::var_os(FOLDER) else {
            let home = Home::new();
            let (_, module) = module_path!().split_once("::").unwrap();
            let name =
                format!("{module}::the_launcher_gets_the_url_and_neither_terminal_nor_secret");
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &name, "--nocapture"])
                .envs([("CLIENT_SECRET", "canary"), ("BROWSER", "sh -c \"%s\"")])
                .env(FOLDER, home.path())
                .output()
                .unwrap();
            let output = [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .concat();
            assert!(
                output.contains("1 passed") && !output.contains("a line from the launcher"),
                "{output}"
            );
            let seen = fs::read_to_string(home.path().join("launcher.seen")).unwrap();
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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(open(launcher, URL)).unwrap();
    }

    #[tokio::test]
    async fn a_launcher_that_fails_or_is_missing_is_an_error() {
        let home = Home::new();
        assert_eq!(
            reason(open(script(home.path(), "exit 3"), URL).await),
            "BrowserUnavailable: no browser can be opened here: sh ended with status 3"
        );

        let missing = SystemBrowser::new(home.path().join("missing"), [""; 0]);
        assert!(reason(open(missing, URL).await).contains("cannot be run"));
        let none = SystemBrowser::unavailable(super::SSH);
        assert!(reason(open(none, URL).await).contains("SSH session"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_launcher_that_stays_is_left_alone_after_its_limit() {
        let home = Home::new();
        let wait = home.place("launcher.wait", "");
        let launcher = script(
            home.path(),
            r#"while [ -e "$0.wait" ]; do sleep 0.01; done; touch "$0.done""#,
        );
        let started = Instant::now();
        open(launcher, URL).await.unwrap();
        assert!(
            started.elapsed() <= Duration::from_millis(5100),
            "{:?}",
            started.elapsed()
        );
        resume();
        fs::remove_file(wait).unwrap();
        until("the end of the launcher", || {
            home.path().join("launcher.done").exists()
        })
        .await;
    }

    #[tokio::test]
    async fn only_web_pages_are_opened() {
        let home = Home::new();
        for url in ["file:///etc/passwd", "javascript:alert(1)", "calc:"] {
            let launcher = script(home.path(), "touch \"$0.ran\"");
            assert!(
                reason(open(launcher, url).await).contains("only http and https"),
                "{url}"
            );
        }
        assert!(!home.path().join("launcher.ran").exists());
    }
}
