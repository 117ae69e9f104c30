//! Logouts where a login is, or may be, that cannot be read.

use std::fs;
use std::os::unix::net::UnixListener;

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::session::Session;
use authgate_test_support::{Ended, Home, Run};
use insta::assert_snapshot;

use crate::support::{PROGRAM, logged_in, run, server};

async fn log_out(home: &Home, server: &DevServer) -> Ended {
    run(home, server).arg("--logout").end().await
}

/// Logs out in a session, with its keyring.
async fn log_out_in(session: &Session, server: &DevServer) -> Ended {
    let run = session.run(PROGRAM).as_person_at(server);
    run.arg("--logout").end().await
}

/// Checks that a logout failed, and returns its output.
#[track_caller]
fn failure(ended: &Ended) -> String {
    assert_eq!(ended.status, Some(1), "{ended:?}");
    ended.printed() + &ended.notices()
}

/// Damages the text of a token file.
type Damage<'a> = &'a dyn Fn(&str) -> Vec<u8>;

fn in_utf_16(text: &str) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[tokio::test]
async fn a_login_in_a_damaged_file_is_revoked_and_the_file_stays() {
    let mut said = Vec::new();
    let conflict = |text: &str| {
        format!("<<<<<<< HEAD\n{text}=======\n{{\"data\": {{}}}}\n>>>>>>> other\n").into_bytes()
    };
    let kinds: [(&str, Damage); 5] = [
        ("a brace", &|text| format!("{text}}}").into_bytes()),
        ("the end is missing", &|text| text[..text.len() - 5].into()),
        ("a BOM", &|text| format!("\u{feff}{text}").into_bytes()),
        ("UTF-16", &in_utf_16),
        ("a conflict", &conflict),
    ];
    for (name, damage) in kinds {
        let (server, home) = logged_in(600).await;
        let damaged = damage(&home.text().unwrap());
        fs::write(home.file(""), &damaged).unwrap();
        said.push(failure(&log_out(&home, &server).await));
        assert_eq!(fs::read(home.file("")).unwrap(), damaged, "{name}");
        assert_eq!(server.count(Endpoint::Revocation), 2, "{name}");
    }
    said.dedup();
    assert_snapshot!(said.join("\n"), @"
    Not logged out everywhere.
    The keyring was not asked, so an older login may still be in it.
    warning: not logged out: [home]/.authgate-tokens.json: is damaged, so the login in it can be revoked but not deleted: repair or delete the file
    ");
}

#[tokio::test]
async fn what_cannot_be_understood_is_neither_deleted_nor_nobody() {
    let mut said = Vec::new();
    let of_another_type = |text: &str| text.replace("Bearer", "mac");
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    let kinds: [&dyn Fn(&str) -> String; 4] =
        [&of_another_type, &cut, &|_| "no JSON".to_owned(), &|_| {
            r#"{"data": []}"#.to_owned()
        }];
    for damage in kinds {
        let (server, home) = logged_in(600).await;
        let damaged = damage(&home.text().unwrap());
        home.replace(&damaged);
        said.push(failure(&log_out(&home, &server).await));
        assert_eq!(home.text().unwrap(), damaged);
        assert_eq!(server.count(Endpoint::Revocation), 0);
    }
    said.dedup();
    assert_snapshot!(said.join("\n"), @"
    Not logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: not logged out: [home]/.authgate-tokens.json: has an entry for this client that cannot be understood, so it is neither revoked nor deleted: delete the entry by hand

    Not logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: not logged out: [home]/.authgate-tokens.json: is damaged, so a login in it can be neither revoked nor deleted: repair or delete the file
    ");
}

#[tokio::test]
async fn an_entry_without_a_token_is_no_login() {
    for entry in ["null", r#""""#, r#""{}""#, r#""{\"access_token\": \"\"}""#] {
        let (server, home) = (server().await, Home::new());
        let client = &server.public_client().id;
        home.replace(&format!(r#"{{"data": {{"{client}": {entry}}}}}"#));
        let ended = log_out(&home, &server).await;
        let is_certain = entry != r#""""#;
        assert_eq!(
            ended.status,
            Some(i32::from(!is_certain)),
            "{entry}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn the_login_in_a_copy_that_was_set_aside_is_revoked_and_the_copy_named() {
    let (server, home) = logged_in(600).await;
    home.replace(&(home.text().unwrap() + "}"));
    run(&home, &server).approved_at(&server).await;
    let copies = || {
        let mut names = home.leftovers();
        names.retain(|name| name.contains(".corrupt-"));
        names
    };
    let [copy] = copies().try_into().unwrap();

    let ended = log_out(&home, &server).await;
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Some(0), "Logged out.\n"),
        "{ended:?}"
    );
    assert_snapshot!(ended.notices().replace(&copy, "[copy]"), @"
    [home]/[copy] is a damaged token file that was set aside, and it has a login of this client. Delete the file if you do not need it.
    The keyring was not asked, so an older login may still be in it.
    ");
    assert_eq!(server.count(Endpoint::Revocation), 4);
    assert_eq!(copies(), std::slice::from_ref(&copy));

    // An unreadable copy may still have a login.
    home.place(&copy, "no JSON");
    assert_snapshot!(failure(&log_out(&home, &server).await).replace(&copy, "[copy]"), @"
    Not logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: not logged out: [home]/[copy]: is a damaged token file that was set aside, and a login in it cannot be revoked: delete the file if you do not need it
    ");
}

#[tokio::test]
async fn a_keyring_that_does_not_answer_may_have_a_login() {
    let server = server().await;
    let session = Session::silent();
    let nothing_found = failure(&log_out_in(&session, &server).await);
    session.home().log_in(&server, 600);
    let in_file = failure(&log_out_in(&session, &server).await);
    assert_eq!(session.home().stored(server.public_client()), None);
    assert_snapshot!(format!("{nothing_found}\n{in_file}"), @"
    Not logged out.
    warning: not logged out: keyring: no answer within 3 s; it may be locked and wait for its password: unlock it and try again. A login there is neither revoked nor deleted

    Not logged out everywhere.
    warning: not logged out: keyring: no answer within 3 s; it may be locked and wait for its password: unlock it and try again. A login there is neither revoked nor deleted
    ");
}

#[tokio::test]
async fn without_a_keyring_in_this_session_the_login_in_the_file_is_enough() {
    let server = server().await;
    let session = Session::without_bus();
    session.home().log_in(&server, 600);
    let ended = log_out_in(&session, &server).await;
    assert_eq!(
        (ended.status, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "Logged out.\n", "")
    );
    // The person may have logged in from the desktop.
    assert_snapshot!(failure(&log_out_in(&session, &server).await), @"
    Not logged out.
    warning: not logged out: no keyring is running in this session. If you logged in from your desktop, log out there
    ");
}

#[tokio::test]
async fn a_keyring_that_cannot_be_reached_is_not_taken_for_none() {
    let (server, home) = (server().await, Home::new());
    let socket = home.path().join("bus");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let run = |path: &str| {
        let address = format!("unix:path={}/{path}", home.path().display());
        let run = Run::new(PROGRAM, &home).as_person_at(&server);
        run.with("DBUS_SESSION_BUS_ADDRESS", &address)
            .arg("--logout")
    };
    // The connection breaks before or after the first message.
    let said = failure(&run("bus").end().await)
        .replace("Broken pipe (os error 32)", "[broken]")
        .replace("Connection reset by peer (os error 104)", "[broken]");
    assert_snapshot!(said, @"
    Not logged out.
    warning: not logged out: keyring: it cannot be reached ([broken]). A login there is neither revoked nor deleted
    ");
    let ended = run("gone").end().await;
    ended.says(&["no keyring is running in this session"]);
}

#[tokio::test]
async fn a_keyring_that_is_off_is_mentioned() {
    let (server, home) = logged_in(600).await;
    let mut said = Vec::new();
    for _ in 0..2 {
        let ended = log_out(&home, &server).await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        said.push(ended.printed() + &ended.notices());
    }
    assert_snapshot!(said.join("\n"), @"
    Logged out.
    The keyring was not asked, so an older login may still be in it.

    No login was found in the file.
    The keyring was not asked, so an older login may still be in it.
    ");
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn every_item_of_the_keyring_is_revoked_and_a_locked_one_is_told() {
    let (server, session) = (server().await, Session::unlocked());
    let client = server.public_client();
    // It may take a while to start, which is told.
    let nobody = log_out_in(&session, &server).await;
    assert_eq!(
        (nobody.status, nobody.stdout.as_str()),
        (Some(0), "Nobody was logged in.\n")
    );

    let entry = |expires_at: u32, token_type: &str| {
        let tokens = server.issue_tokens(client, "profile email");
        format!(
            r#"{{"access_token": "{}", "refresh_token": "{}", "token_type": "{token_type}", "expires_at": {expires_at}}}"#,
            tokens.access_token,
            tokens.refresh_token.unwrap()
        )
    };
    for number in 0..3 {
        let number_of_item = number.to_string();
        let attributes = ["number", number_of_item.as_str()];
        session.add_item(
            &client.id,
            &entry(2_000_000_000 + number, "Bearer"),
            &attributes,
        );
    }
    let ended = log_out_in(&session, &server).await;
    assert_eq!(
        (ended.status, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "Logged out.\n", "")
    );
    assert_eq!(server.count(Endpoint::Revocation), 6);
    assert_eq!(session.items("authgate", &client.id), "");

    session.add_item(&client.id, &entry(2_000_000_000, "Bearer"), &[]);
    session.add_item(
        &client.id,
        &entry(2_000_000_000, "mac"),
        &["another", "item"],
    );
    let with_another_type = failure(&log_out_in(&session, &server).await);
    assert_eq!(server.count(Endpoint::Revocation), 8);
    let items = session.items("authgate", &client.id);
    assert_eq!(items.matches("made by a test").count(), 1, "{items}");

    session.lock();
    let locked = failure(&log_out_in(&session, &server).await);
    assert_snapshot!(format!("{with_another_type}\n{locked}"), @"
    Not logged out everywhere.
    warning: not logged out: keyring: an item (service authgate) cannot be understood, so it is neither revoked nor deleted: delete it with your keyring program

    Not logged out.
    warning: not logged out: keyring: it is locked, refuses access, or has no default keyring yet: unlock it or make one with your keyring program. A login there is neither revoked nor deleted
    ");
}
