//! What a person sees in a terminal.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::browser::{redirect_uri, visit};
use common::terminal::Terminal;
use common::{Home, Run, server, until};

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
    assert!(said.contains(&format!("and compare the code: {}", server.latest_user_code().unwrap())), "{said}");
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

/// cases 88, 89 and 159
#[tokio::test]
async fn on_a_terminal_with_a_desktop_the_browser_is_opened_and_told_no_secret() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let (opened, launcher) = (home.path().join("opened"), home.path().join("xdg-open"));
    fs::write(
        &launcher,
        "#!/bin/sh\n{ echo \"$#\"; echo \"$1\"; env; } >\"$HOME/opening\"; mv \"$HOME/opening\" \"$HOME/opened\"\n",
    )
    .unwrap();
    fs::set_permissions(&launcher, PermissionsExt::from_mode(0o700)).unwrap();

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
