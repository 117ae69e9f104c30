//! What a person sees in a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::browser::{redirect_uri, visit};
use crate::support::terminal::Terminal;
use crate::support::{Home, Run, server, until};
use tokio::process::Command;

const COLOURS: &str = "\u{1b}[1;37;40m";
const QR_CODE: char = '\u{2588}';

/// case 163
#[tokio::test]
async fn a_terminal_shows_the_code_as_a_picture_and_the_time_that_is_left() {
    let (server, home) = (server().await, Home::new());
    let run = home.run(&server).with("TERM", "xterm").with("LANG", "C.UTF-8");
    let run = run.start_in(Terminal::of_size(100, 60));
    run.says("left ").await;
    let said = run.said();
    assert!(said.contains(QR_CODE) && said.contains(COLOURS), "{said}");
    // Once more, because a low window shows nothing above the picture.
    let (_, below) = said.rsplit_once(QR_CODE).unwrap();
    for line in [server.latest_user_code().unwrap(), format!("{}/device", server.url())] {
        assert!(below.contains(&line), "{line} below the picture: {below}");
    }
    assert!(server.approve_device(&server.latest_user_code().unwrap()));
    let ended = run.end().await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
}

/// case 163
#[tokio::test]
async fn a_person_who_wants_no_colour_gets_none() {
    let (server, home) = (server().await, Home::new());
    let run = home.run(&server).with("TERM", "xterm").with("LANG", "C.UTF-8").with("NO_COLOR", "1");
    let run = run.start_in(Terminal::of_size(100, 60));
    run.says("left ").await;
    assert!(run.said().contains(QR_CODE));
    for colour in run.said().split("\u{1b}[").skip(1) {
        assert!(colour.starts_with("2K"), "{colour:?}");
    }
}

/// case 163
#[tokio::test]
async fn a_dumb_or_narrow_terminal_is_sent_only_what_it_can_show() {
    for (terminal, columns) in [("dumb", 100), ("dumb", 40), ("xterm", 30)] {
        let (server, home) = (server().await, Home::new());
        let run = home.run(&server).with("TERM", terminal).with("LANG", "C.UTF-8");
        let run = run.start_in(Terminal::of_size(columns, 60));
        run.says("only if").await;
        assert!(server.approve_device(&server.latest_user_code().unwrap()));
        let said = run.end().await.stderr;
        assert!(!said.contains(QR_CODE), "{said}");
        assert!(terminal == "xterm" || !said.contains('\u{1b}'), "{said:?}");
        let shown = said.lines().map(|line| line.rsplit("\u{1b}[2K").next().unwrap());
        // An address stays in one piece.
        let breakable = shown.filter(|line| !line.starts_with("    ") && line.contains(' '));
        let too_wide: Vec<_> = breakable.filter(|line| line.chars().count() > columns.into()).collect();
        assert!(too_wide.is_empty(), "{too_wide:?}");
    }
}

/// cases 91, 163
#[tokio::test]
async fn an_interrupt_takes_the_countdown_off_the_screen() {
    let (server, home) = (server().await, Home::new());
    let run = home.run(&server).with("TERM", "xterm").start_in(Terminal::of_size(100, 60));
    run.says("left ").await;
    let interrupted = Command::new("kill").args(["-INT", &run.id().to_string()]).status().await.unwrap();
    assert!(interrupted.success());
    let ended = run.end().await;
    assert_eq!(ended.status, Some(130), "{ended:?}");
    let (_, after_the_countdown) = ended.stderr.rsplit_once("left ").unwrap();
    assert!(after_the_countdown.starts_with("\r\u{1b}[2K"), "{after_the_countdown:?}");
}

/// case 142: a bus that takes every call and answers none.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_keyring_that_does_not_answer_has_a_minute_where_a_person_can_unlock_it_else_three_seconds() {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use authgate_dev_server::Endpoint;

    /// Longer than the three seconds, counted from the line that comes after the first.
    const A_WHILE: Duration = Duration::from_secs(4);

    let (server, [home, other_home]) = (server().await, [Home::new(), Home::new()]);
    let buses = [&home, &other_home].map(|home| UnixListener::bind(home.path().join("bus")).unwrap());
    program(&home, "xdg-open", "exit 0");
    let run = |home: &Home| {
        Run::bare(home)
            .with("AUTHGATE_URL", server.url())
            .with("CLIENT_ID", &server.public_client().id)
            .with("PATH", home.path().to_str().unwrap())
            .with("DISPLAY", ":0")
            .with("DBUS_SESSION_BUS_ADDRESS", &format!("unix:path={}/bus", home.path().display()))
            .args("--flow device")
    };
    let with_a_person = run(&home).start_in(Terminal::of_size(100, 60));
    with_a_person.says("Waiting for the place where the login is kept").await;
    let waiting = tokio::time::sleep(A_WHILE);
    let alone = run(&other_home).approved_at(&server);
    let (alone, ()) = tokio::join!(alone, waiting);

    alone.shows(&other_home.stored(server.public_client()).unwrap(), &server);
    alone.says(&["no answer within 3 s", "The login is kept in"]);
    assert!(!with_a_person.said().contains("is kept in "), "{}", with_a_person.said());
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 1, "nobody else has been asked to log in");
    with_a_person.kill().await;
    drop(buses);
}

/// cases 88, 89 and 159
#[tokio::test]
async fn on_a_terminal_with_a_desktop_the_browser_is_opened_and_told_no_secret() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let opened = home.path().join("opened");
    let launcher = r#"{ echo "$#"; echo "$1"; env; } >"$HOME/opening"; mv "$HOME/opening" "$HOME/opened""#;
    program(&home, "xdg-open", launcher);

    let client = server.confidential_client();
    let path = format!("{}:/usr/bin:/bin", home.path().display());
    let run = Run::bare(&home)
        .with("AUTHGATE_URL", server.url())
        .with("CLIENT_ID", &client.id)
        .with("CLIENT_SECRET", client.secret.as_deref().unwrap())
        .with("PATH", &path)
        .with("DISPLAY", ":0")
        .args("--no-keyring --redirect-uri")
        .arg(&back)
        .start_in(Terminal::of_size(100, 60));
    until("the browser", || opened.exists()).await;
    let told = fs::read_to_string(&opened).unwrap();
    assert!(!told.contains(client.secret.as_deref().unwrap()) && !told.contains("CLIENT_SECRET"), "{told}");
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some("1"));
    visit(&server.approve_authorization(lines.next().unwrap()).unwrap()).await;
    let ended = run.end().await;
    ended.shows(&home.stored(client).unwrap(), &server);
    ended.says(&["Opening your browser"]);
}

/// Puts a program there that is this shell script.
fn program(home: &Home, name: &str, script: &str) {
    let path = home.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
}
