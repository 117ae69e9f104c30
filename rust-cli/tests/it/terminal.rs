use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::browser::redirect_uri;
use authgate_test_support::files::section;
use authgate_test_support::{Home, Run, Terminal, http, until};
use insta::assert_snapshot;

use crate::support::{PROGRAM, run, run_without_flow, server};

const COLOURS: &str = "\u{1b}[1;37;40m";
const CLEAR_LINE: &str = "\r\u{1b}[2K";
const PROMPT: &str = "To log in, ";
const QR_CODE: char = '\u{2588}';

/// Prepares a run for a terminal that can show everything.
fn run_in_xterm(home: &Home, server: &DevServer) -> Run {
    run(home, server)
        .with("TERM", "xterm")
        .with("LANG", "C.UTF-8")
}

fn place_program(home: &Home, name: &str, script: &str) {
    let path = home.place(name, format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
}

/// Names a page for the code that other devices can open.
fn show_page_elsewhere(server: &DevServer) {
    let page = "https://auth.example.com/device";
    let complete = format!("{page}?user_code=BDWP-HQPK");
    let members = [
        ("verification_uri", page),
        ("verification_uri_complete", &complete),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), Some(value.into())));
    let fault = Fault::Members(members.into());
    server.inject(Endpoint::DeviceAuthorization, fault, Times::Always);
}

/// Returns the screen from the prompt on, with placeholders for the QR code and the countdown.
/// Leaves out the notice above the prompt, because its line breaks depend on the home folder's
/// path.
fn prompt(screen: &str) -> String {
    let screen = screen.replace("\r\n", "\n");
    let (_, prompt) = screen.split_once(PROMPT).unwrap();
    let mut lines: Vec<&str> = Vec::new();
    for line in prompt.lines() {
        let line = if line.contains(COLOURS) {
            "[QR code]"
        } else {
            line
        };
        let line = if line.contains(CLEAR_LINE) {
            "[countdown]"
        } else {
            line
        };
        if !(line.starts_with('[') && lines.last() == Some(&line)) {
            lines.push(line);
        }
    }
    let end = lines.iter().position(|line| *line == "[countdown]");
    lines.truncate(end.map_or(lines.len(), |end| end + 1));
    format!("{PROMPT}{}", lines.join("\n"))
}

#[tokio::test]
async fn a_terminal_shows_the_code_as_a_qr_code_and_the_time_left() {
    let mut prompts = Vec::new();
    for columns in [80, 100] {
        let (server, home) = (server().await, Home::new());
        show_page_elsewhere(&server);
        let run = run_in_xterm(&home, &server).start_in(Terminal::of_size(columns, 60));
        run.says("left ").await;
        assert!(run.said().contains(QR_CODE), "{}", run.said());
        let ended = run.approved_at(&server).await;
        ended.shows_stored(&home, &server);
        prompts.push(prompt(&ended.said()));
    }
    assert_snapshot!(prompts[0], @"
    To log in, open this page on any device:

        https://auth.example.com/device

    and enter the code:  [code]   (valid for 30 minutes)

    The page is on https://auth.example.com, another site than the server
    http://127.0.0.1:[port].
    This gives dev-cli access to: profile, email. Enter the code only if you started
    this login.

    Or scan this QR code, and check that the page shows the same code:

    [QR code]

    [countdown]
    ");
    let wrapped_where_it_is_wider = prompts[1]
        .replace("if you started this login.", "if you started\nthis login.")
        .replace("than the server http", "than the server\nhttp");
    assert_eq!(wrapped_where_it_is_wider, prompts[0]);
    assert_ne!(prompts[1], prompts[0]);
}

#[tokio::test]
async fn the_warning_stays_in_the_window() {
    for (columns, rows, is_drawn) in [(80, 24, false), (100, 40, true)] {
        let (server, home) = (server().await, Home::new());
        show_page_elsewhere(&server);
        let run = run_in_xterm(&home, &server).start_in(Terminal::of_size(columns, rows));
        run.says("left ").await;
        let said = run.said();
        assert_eq!(said.contains(QR_CODE), is_drawn, "{said}");
        let (_, prompt) = said.split_once(PROMPT).unwrap();
        assert!(prompt.contains("Enter the code only if"), "{said}");
        assert!(prompt.lines().count() <= rows.into(), "{said}");
    }
}

#[tokio::test]
async fn a_page_on_this_machine_gets_no_qr_code() {
    let (server, home) = (server().await, Home::new());
    let run = run_in_xterm(&home, &server).start_in(Terminal::of_size(100, 60));
    run.says("left ").await;
    assert!(!run.said().contains(QR_CODE), "{}", run.said());
}

#[tokio::test]
async fn the_readme_shows_the_device_prompt() {
    let (server, home) = (server().await, Home::new());
    let ended = run(&home, &server).approved_at(&server).await;
    let said = ended.stderr.as_str();
    let (start, end) = (
        said.find(PROMPT).unwrap(),
        said.find("\n\nThe login is saved"),
    );
    let prompt = said[start..end.unwrap()]
        .replace(server.url(), "https://auth.example.com")
        .replace(&server.latest_user_code().unwrap(), "BDWP-HQPK")
        .replace("on this machine", "on any device");

    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let picture = section(&readme, "## OAuth Flow")
        .split("```")
        .nth(1)
        .unwrap();
    assert_eq!(prompt.trim_end(), picture.trim());
}

#[tokio::test]
async fn with_no_color_set_a_terminal_gets_no_colour_and_no_qr_code() {
    let (server, home) = (server().await, Home::new());
    show_page_elsewhere(&server);
    for (value, is_drawn) in [("1", false), ("0", false), ("", true)] {
        let run = run_in_xterm(&home, &server)
            .with("NO_COLOR", value)
            .start_in(Terminal::of_size(100, 60));
        run.says("left ").await;
        let said = run.said();
        assert_eq!(said.contains(QR_CODE), is_drawn, "{value:?}: {said}");
        assert!(said.contains(&server.latest_user_code().unwrap()), "{said}");
        for sequence in said.split("\u{1b}[").skip(1) {
            assert!(is_drawn || sequence.starts_with("2K"), "{sequence:?}");
        }
    }
}

#[tokio::test]
async fn a_dumb_or_narrow_terminal_gets_only_what_it_can_show() {
    for (terminal, columns) in [("dumb", 100), ("dumb", 40), ("xterm", 30)] {
        let (server, home) = (server().await, Home::new());
        show_page_elsewhere(&server);
        let run = run_in_xterm(&home, &server).with("TERM", terminal);
        let said = run
            .start_in(Terminal::of_size(columns, 60))
            .approved_at(&server)
            .await
            .stderr;
        assert!(!said.contains(QR_CODE), "{said}");
        assert!(terminal == "xterm" || !said.contains('\u{1b}'), "{said:?}");
        let shown = said
            .lines()
            .map(|line| line.rsplit("\u{1b}[2K").next().unwrap());
        // A URL is never wrapped.
        let breakable = shown.filter(|line| !line.starts_with("    ") && line.contains(' '));
        let too_wide: Vec<_> = breakable
            .filter(|line| line.chars().count() > columns.into())
            .collect();
        assert!(too_wide.is_empty(), "{too_wide:?}");
    }
}

#[tokio::test]
async fn an_interrupt_clears_the_countdown() {
    let (server, home) = (server().await, Home::new());
    let run = run(&home, &server)
        .with("TERM", "xterm")
        .start_in(Terminal::of_size(100, 60));
    run.says("left ").await;
    run.signal("INT").await;
    let ended = run.end().await;
    assert_eq!(ended.status, Some(130), "{ended:?}");
    let (_, after_the_countdown) = ended.stderr.rsplit_once("left ").unwrap();
    assert!(
        after_the_countdown.starts_with(CLEAR_LINE),
        "{after_the_countdown:?}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_silent_keyring_has_longer_where_a_person_can_unlock_it() {
    use authgate_test_support::session::Session;

    let (server, [desktop, other]) = (server().await, [Session::silent(), Session::silent()]);
    let run = |session: &Session| {
        place_program(session.home(), "xdg-open", "exit 0");
        let path = session.home().path().to_str().unwrap();
        let run = session
            .run(PROGRAM)
            .as_person_at(&server)
            .with("PATH", path);
        run.with("DISPLAY", ":0").args("--flow device")
    };
    let with_a_person = run(&desktop).start_in(Terminal::of_size(100, 60));
    with_a_person.says("Waiting for the stored login").await;
    // When this run has given up on its keyring and logged in, the first run has waited longer.
    let alone = run(&other).approved_at(&server).await;
    alone.shows_stored(other.home(), &server);
    assert_snapshot!(alone.notices(), @"
    Keyring: no answer within 3 s; it may be locked and wait for its password: unlock it and try again.
    [prompt]
    An older login may still be in the keyring (service authgate).
    ");
    assert!(
        !with_a_person.said().contains("The login is saved"),
        "{}",
        with_a_person.said()
    );
    assert_eq!(
        server.count(Endpoint::DeviceAuthorization),
        1,
        "the person was not asked to log in"
    );
    with_a_person.kill().await;
}

#[tokio::test]
async fn the_browser_of_a_desktop_is_opened_and_told_no_secret() {
    let (server, home) = (server().await, Home::new());
    let (_port, redirect_uri) = redirect_uri(&server);
    let opened = home.path().join("opened");
    let launcher =
        r#"{ echo "$#"; echo "$1"; env; } >"$HOME/opening"; mv "$HOME/opening" "$HOME/opened""#;
    place_program(&home, "xdg-open", launcher);

    let run = Run::new(PROGRAM, &home)
        .as_service_of(&server)
        .with("PATH", &format!("{}:/usr/bin:/bin", home.path().display()))
        .with("DISPLAY", ":0")
        .args("--no-keyring --redirect-uri")
        .arg(&redirect_uri)
        .start_in(Terminal::of_size(100, 60));
    until("the browser", || opened.exists()).await;
    let passed = fs::read_to_string(&opened).unwrap();
    let client = server.confidential_client();
    assert!(
        !passed.contains(client.secret.as_deref().unwrap()) && !passed.contains("CLIENT_SECRET"),
        "{passed}"
    );
    let mut lines = passed.lines();
    assert_eq!(lines.next(), Some("1"));
    http::get(&server.approve_authorization(lines.next().unwrap()).unwrap()).await;
    let ended = run.end().await;
    ended.shows(&home.stored(client).unwrap(), &server);
    ended.says(&["Opening your browser"]);
}

/// A launcher that writes the URL to the file `opened` in the home folder.
const LAUNCHER: &str = r#"echo "$1" >"$HOME/opening"; mv "$HOME/opening" "$HOME/opened""#;

#[tokio::test]
async fn a_browser_is_opened_without_a_terminal_and_by_name_over_ssh() {
    for (flow, ssh) in [("auto", ""), ("browser", ""), ("browser", "x")] {
        let (server, home) = (server().await, Home::new());
        let (_port, redirect_uri) = redirect_uri(&server);
        place_program(&home, "xdg-open", LAUNCHER);
        let run = run_without_flow(&home, &server)
            .with("PATH", &format!("{}:/usr/bin:/bin", home.path().display()))
            .with("DISPLAY", ":0")
            .with("SSH_CONNECTION", ssh)
            .args("--redirect-uri")
            .arg(&redirect_uri)
            .args("--flow")
            .arg(flow)
            .start();
        let opened = home.path().join("opened");
        until("the browser", || opened.exists()).await;
        let url = fs::read_to_string(&opened).unwrap();
        http::get(&server.approve_authorization(url.trim()).unwrap()).await;
        run.end().await.shows_stored(&home, &server);
    }
}

#[tokio::test]
async fn a_browser_variable_that_cannot_be_used_is_told() {
    let (server, home) = (server().await, Home::new());
    let (_port, redirect_uri) = redirect_uri(&server);
    place_program(&home, "xdg-open", LAUNCHER);
    let run = run_without_flow(&home, &server)
        .with("PATH", &format!("{}:/usr/bin:/bin", home.path().display()))
        .with("DISPLAY", ":0")
        .with("BROWSER", "'xdg-open %s")
        .args("--redirect-uri")
        .arg(&redirect_uri)
        .start();
    run.says("BROWSER is not used, because a quote in it is not closed.\n")
        .await;
    until("the browser", || home.path().join("opened").exists()).await;
}

/// Runs the program after `setsid`, by a shell that redirects its output: with no controlling
/// terminal, or with that of its standard input.
fn redirected(run: Run, setsid: &[&str], redirection: &str) -> Run {
    let script = format!(r#"exec "$0" "$@" {redirection}"#);
    run.under("sh", &["-c", &script]).under("setsid", setsid)
}

#[tokio::test]
async fn the_prompt_goes_to_the_terminal_if_standard_error_reaches_nobody() {
    for redirection in ["2>/dev/null", "2>&-", "2>&1 >/dev/null | cat >/dev/null"] {
        let is_visible = redirection.contains('|');
        let (server, home) = (server().await, Home::new());
        let run = run_without_flow(&home, &server)
            .with("TERM", "xterm")
            .arg("--print-access-token");
        let ended = redirected(run, &["--ctty"], redirection)
            .start_in(Terminal::of_size(100, 40))
            .approved_at(&server)
            .await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.is_empty(), is_visible, "{ended:?}");
        assert_eq!(ended.stderr.is_empty(), is_visible, "{ended:?}");
        assert_eq!(ended.stderr.contains(PROMPT), !is_visible, "{ended:?}");
        assert_eq!(ended.stderr.contains("left "), !is_visible, "{ended:?}");
    }
}

#[tokio::test]
async fn a_file_gets_the_prompt_although_there_is_a_terminal() {
    let (server, home) = (server().await, Home::new());
    let run = run_without_flow(&home, &server);
    let ended = redirected(run, &["--ctty"], r#"2>"$HOME/said""#)
        .start_in(Terminal::of_size(100, 40))
        .approved_at(&server)
        .await;
    ended.shows_stored(&home, &server);
    assert_eq!(ended.stderr, "");
    let said = fs::read_to_string(home.path().join("said")).unwrap();
    assert!(said.contains(PROMPT), "{said}");
}

/// Returns the writing end of a pipe without a reader.
fn broken_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

#[tokio::test]
async fn auto_fails_where_nobody_can_see_the_prompt() {
    let (server, home) = (server().await, Home::new());
    let run = || run_without_flow(&home, &server).with("DISPLAY", ":0");
    let null = redirected(run(), &[], "2>/dev/null");
    let closed = redirected(run(), &[], "2>&-");
    let broken = redirected(run(), &[], "").stderr(broken_pipe());
    for run in [null, closed, broken] {
        run.end().await.fails_with(1, &[]);
    }
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);

    let by_name = run().args("--flow device");
    let ended = redirected(by_name, &[], "2>/dev/null")
        .approved_at(&server)
        .await;
    ended.shows_stored(&home, &server);
    let with_a_login = redirected(run(), &[], "2>/dev/null").end().await;
    with_a_login.shows_stored(&home, &server);
}

#[tokio::test]
async fn auto_ends_when_the_reader_of_its_prompt_has_gone() {
    let (server, home) = (server().await, Home::new());
    for (flow, status) in [("auto", 1), ("device", 0)] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let run = run_without_flow(&home, &server).args("--flow").arg(flow);
        let run = redirected(run, &[], "").stderr(writer).start();
        let prompt = tokio::task::spawn_blocking(move || {
            let (mut prompt, mut byte) = (String::new(), [0]);
            while !prompt.contains(PROMPT) {
                reader.read_exact(&mut byte).unwrap();
                prompt.push(byte[0].into());
            }
        });
        prompt.await.unwrap();
        let ended = if flow == "auto" {
            run.end().await
        } else {
            run.approved_at(&server).await
        };
        assert_eq!(ended.status, Some(status), "{ended:?}");
    }
}

#[tokio::test]
async fn the_prompt_goes_to_the_terminal_when_the_reader_has_gone() {
    let (server, home) = (server().await, Home::new());
    let run = run_without_flow(&home, &server);
    let run = redirected(run, &["--ctty"], "2>&1 | head -1").start_in(Terminal::of_size(80, 24));
    let ended = run.approved_at(&server).await;
    assert!(ended.said().contains(PROMPT), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
}

#[tokio::test]
async fn an_interrupt_during_a_poll_clears_the_countdown_first() {
    let (server, home) = (server().await, Home::new());
    let poll = server.hold(Endpoint::Token);
    let run = run(&home, &server)
        .with("TERM", "xterm")
        .start_in(Terminal::of_size(100, 60));
    poll.arrived().await;
    run.says("left ").await;
    run.signal("INT").await;
    run.says("Finishing the request").await;
    let said = run.said();
    let (before, _) = said.split_once("Finishing the request").unwrap();
    assert!(before.ends_with(CLEAR_LINE), "{before:?}");
    assert_eq!(run.end().await.status, Some(130));
}

#[tokio::test]
async fn a_countdown_that_a_narrower_window_has_wrapped_is_cleared() {
    let (server, home) = (server().await, Home::new());
    let narrowed = r#"(sleep 2; stty cols 20 <&2) & exec "$0" "$@""#;
    let run = run(&home, &server)
        .with("TERM", "xterm")
        .under("sh", &["-c", narrowed])
        .start_in(Terminal::of_size(100, 60));
    // The line takes two rows now, and the terminal has moved the cursor to the second one.
    run.says("\r\u{1b}[1A\u{1b}[J").await;
    let said = run.said();
    let (_, countdown) = said.split_once("\u{1b}[J").unwrap();
    assert!(!countdown.contains("Waiting"), "{countdown:?}");
    run.kill().await;
}
