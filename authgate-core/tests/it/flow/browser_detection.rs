//! Whether a browser can be opened, and what happens when it is.

use std::fmt::Write;
use std::path::PathBuf;

use authgate_core::test_util::System::{MacOs, Unix, Windows};
use authgate_core::test_util::{Launcher, Platform, SystemBrowser};
use insta::assert_snapshot;

use crate::support::logins::platform;

const SSH: &str = "this is an SSH session, so the browser would open on the remote machine";
const REMOTE_CONTAINER: &str =
    "this is a remote container, which a browser on your machine cannot reach";
const CI: &str = "CI is set, so nobody is there to log in";
const NO_DISPLAY: &str = "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)";
const NO_LAUNCHER: &str =
    "no program that opens URLs was found (xdg-open, wslview, or one named in BROWSER)";

/// The browser that this program in `/usr/bin` opens.
fn launcher(name: &str) -> SystemBrowser {
    SystemBrowser::new([Launcher::new(format!("/usr/bin/{name}"), [""; 0])])
}

#[test]
fn a_browser_is_found_or_the_reason_is_told() {
    const WSL: &str = "WSL_DISTRO_NAME=Debian";
    for (system, variables, program, expected) in [
        (Unix, &["DISPLAY=:0"] as &[&str], "xdg-open", Ok("xdg-open")),
        (Unix, &["DISPLAY=:0"], "none", Err(NO_LAUNCHER)),
        (Unix, &["DISPLAY="], "xdg-open", Err(NO_DISPLAY)),
        (Unix, &["WAYLAND_DISPLAY=:0"], "xdg-open", Ok("xdg-open")),
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
        (MacOs, &[], "open", Ok("open")),
        (Unix, &[WSL], "wslview", Ok("wslview")),
        (Unix, &[WSL], "xdg-open", Err(NO_DISPLAY)),
        (Unix, &[WSL, "DISPLAY=:0"], "xdg-open", Ok("xdg-open")),
        (Unix, &[WSL, "DISPLAY=:0"], "none", Err(NO_LAUNCHER)),
        (Unix, &["DISPLAY=:0", "CI=true"], "xdg-open", Err(CI)),
        (
            Unix,
            &["DISPLAY=:0", "CI=false"],
            "xdg-open",
            Ok("xdg-open"),
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
            expected.map_or_else(SystemBrowser::unavailable, launcher),
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
        SystemBrowser::new([Launcher::new(
            r"D:\Win\System32\rundll32.exe",
            ["url.dll,FileProtocolHandler"]
        )])
    );
}

#[test]
fn a_browser_needs_no_terminal() {
    let at = |terminal, variables: &[&str]| platform(Unix, terminal, variables, &["xdg-open"]);
    assert_eq!(at(false, &["DISPLAY=:0"]).browser(), launcher("xdg-open"));
    assert!(!at(false, &["DISPLAY=:0"]).is_unattended());
    assert!(at(false, &["CI=1"]).is_unattended());
    assert!(!at(true, &["CI=1"]).is_unattended());
}

#[test]
fn a_browser_asked_for_by_name_is_any_launcher() {
    for (system, variables, program) in [
        (
            Unix,
            &["SSH_CONNECTION=x", "DISPLAY=:10"] as &[&str],
            "xdg-open",
        ),
        (Unix, &["CODESPACES=true", "BROWSER=helper"], "helper"),
        (Unix, &["CI=true", "DISPLAY=:0"], "xdg-open"),
        (Unix, &[], "xdg-open"),
        (MacOs, &["SSH_TTY=x"], "open"),
    ] {
        let browser = platform(system, false, variables, &[program]).requested_browser();
        assert_eq!(browser, launcher(program), "{system:?} {variables:?}");
    }
    let none = platform(Unix, true, &["DISPLAY=:0"], &[]).requested_browser();
    assert_eq!(none, SystemBrowser::unavailable(NO_LAUNCHER));
}

#[test]
fn in_wsl_xdg_open_follows_after_wslview() {
    let variables = ["WSL_DISTRO_NAME=Debian"];
    let platform = platform(Unix, true, &variables, &["xdg-open", "wslview"]);
    let names = ["wslview", "xdg-open"];
    let launchers = names.map(|name| Launcher::new(PathBuf::from("/usr/bin").join(name), [""; 0]));
    assert_eq!(platform.browser(), SystemBrowser::new(launchers));
}

const URL: &str = "https://auth.example.com/authorize?a=1&b=$(id)";

/// Describes a desktop where `BROWSER` has this value.
fn with_browser_variable(value: &str) -> Platform {
    let programs = [
        "firefox",
        "chrome",
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
}

/// Returns the words of each command line that opens `URL`.
fn command_lines(value: &str) -> Vec<Vec<String>> {
    let browser = with_browser_variable(value).browser();
    let words = |launcher: &Launcher| {
        let (program, arguments) = launcher.command_line(URL);
        let program = program.strip_prefix("/usr/bin").unwrap();
        [vec![program.to_str().unwrap().to_owned()], arguments].concat()
    };
    browser.launchers().iter().map(words).collect()
}

#[test]
fn browser_is_read_as_a_shell_reads_it() {
    let profile = "--profile-directory=Profile 2";
    let with_equals_sign = format!("--url={URL}");
    for (value, words) in [
        ("firefox", &["firefox", URL] as &[&str]),
        ("/opt/firefox", &["firefox", URL]),
        ("/opt/my browser", &["my browser", URL]),
        ("'/opt/my browser' %s", &["my browser", URL]),
        ("firefox %s", &["firefox", URL]),
        ("firefox '%s'", &["firefox", URL]),
        ("firefox %s &", &["firefox", URL]),
        ("firefox --url=%s", &["firefox", &with_equals_sign]),
        ("firefox --new-window %s", &["firefox", "--new-window", URL]),
        ("firefox --new-window", &["firefox", "--new-window", URL]),
        ("firefox %s --quiet", &["firefox", URL, "--quiet"]),
        (
            r#"chrome --profile-directory="Profile 2" %s"#,
            &["chrome", profile, URL],
        ),
        (
            r"chrome --profile-directory=Profile\ 2",
            &["chrome", profile, URL],
        ),
        ("env X=1 chrome", &["env", "X=1", "chrome", URL]),
        (
            r#"chrome --proxy-server="http://proxy:3128""#,
            &["chrome", "--proxy-server=http://proxy:3128", URL],
        ),
        ("missing:firefox", &["firefox", URL]),
        ("w3m:firefox", &["firefox", URL]),
    ] {
        assert_eq!(command_lines(value), [words], "{value}");
        let problem = with_browser_variable(value).problem_with_browser_variable();
        assert_eq!(problem, None, "{value}");
    }
    let in_turn = [["firefox", URL], ["chrome", URL]];
    assert_eq!(command_lines("firefox: chrome %s"), in_turn);
}

#[test]
fn browser_is_no_shell_and_its_problem_is_told() {
    let mut problems = String::new();
    for value in [
        r#"sh -c "curl %s""#,
        "sh -c %s",
        "sh",
        "nohup sh -c %s",
        "nohup /bin/bash -c",
        r#"env -S "sh -c %s""#,
        "python3.12 -c",
        "/mnt/c/Windows/System32/cmd.exe /c start",
        "powershell.exe -Command Start-Process",
        "ssh laptop xdg-open",
        "firefox $(id)",
        "w3m",
        "/usr/bin/lynx %s",
        "missing",
        "missing:w3m",
        "'firefox",
        "'firefox:chrome",
        ":",
    ] {
        assert_eq!(command_lines(value), [["xdg-open", URL]], "{value}");
        let problem = with_browser_variable(value).problem_with_browser_variable();
        writeln!(problems, "{value} -> {}", problem.unwrap()).unwrap();
    }
    assert_snapshot!(problems, @r#"
    sh -c "curl %s" -> sh could run the address as a command
    sh -c %s -> sh could run the address as a command
    sh -> sh could run the address as a command
    nohup sh -c %s -> sh could run the address as a command
    nohup /bin/bash -c -> /bin/bash could run the address as a command
    env -S "sh -c %s" -> sh could run the address as a command
    python3.12 -c -> python3.12 could run the address as a command
    /mnt/c/Windows/System32/cmd.exe /c start -> /mnt/c/Windows/System32/cmd.exe could run the address as a command
    powershell.exe -Command Start-Process -> powershell.exe could run the address as a command
    ssh laptop xdg-open -> ssh could run the address as a command
    firefox $(id) -> only a shell could replace the $ or ` in it
    w3m -> w3m is a text browser
    /usr/bin/lynx %s -> /usr/bin/lynx is a text browser
    missing -> missing was not found
    missing:w3m -> missing was not found, and w3m is a text browser
    'firefox -> a quote in it is not closed
    'firefox:chrome -> a quote in it is not closed
    : -> it names no program
    "#);
}

#[cfg(unix)]
mod launching {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use authgate_core::test_util::{Launcher, SystemBrowser};
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
        SystemBrowser::new([script_launcher(folder, text)])
    }

    fn script_launcher(folder: &Path, text: &str) -> Launcher {
        Launcher::new(
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
for word in "$#" "$@" --; do echo "$word"; done >&3
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

        let missing = Launcher::new(home.path().join("missing"), [""; 0]);
        let browser = SystemBrowser::new([missing.clone()]);
        assert!(reason(open(browser, URL).await).contains("cannot be run"));
        let browser = SystemBrowser::new([missing, script_launcher(home.path(), "exit 3")]);
        let failures = reason(open(browser, URL).await);
        assert!(
            failures.contains("cannot be run: ")
                && failures.ends_with(", and sh ended with status 3"),
            "{failures}"
        );
        let none = SystemBrowser::unavailable(super::SSH);
        assert!(reason(open(none, URL).await).contains("SSH session"));
    }

    #[tokio::test]
    async fn the_next_launcher_is_tried_after_one_that_fails() {
        let home = Home::new();
        let missing = Launcher::new(home.path().join("missing"), [""; 0]);
        let scripts = ["exit 3", "touch \"$0.ran\"", "touch \"$0.too many\""];
        let [failing, working, another] = scripts.map(|text| script_launcher(home.path(), text));
        let launchers = [missing, failing, working, another];
        open(SystemBrowser::new(launchers), URL).await.unwrap();
        assert!(home.path().join("launcher.ran").exists());
        assert!(!home.path().join("launcher.too many").exists());
    }

    #[tokio::test]
    async fn the_status_of_explorer_says_nothing() {
        let home = Home::new();
        for (name, is_open) in [
            ("explorer.exe", true),
            ("Explorer.EXE", true),
            ("wslview", false),
        ] {
            let program = home.place(name, "#!/bin/sh\nexit 1\n");
            fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
            let browser = SystemBrowser::new([Launcher::new(program, [""; 0])]);
            assert_eq!(open(browser, URL).await.is_ok(), is_open, "{name}");
        }
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
