//! A login that is not renewed, because the new token could not take its place.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::support::{Home, Run, left_out, refreshes, server, until};
use authgate_dev_server::{DevServer, Endpoint};

/// A server that ends the login when an old refresh token comes back, and a login there.
async fn stored_login(expires_in: i64) -> (DevServer, Home) {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    home.log_in(&server, expires_in);
    (server, home)
}

/// Makes it that user's who may not write everywhere.
fn own(path: &Path) {
    const NOBODY: u32 = 65534;
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), None).unwrap();
    }
}

/// Runs it as a user who may not write everywhere, as root may; `None` where that cannot be done.
fn without_privileges(run: Run, home: &Home) -> Option<Run> {
    const SETPRIV: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    if !rustix::process::geteuid().is_root() {
        return Some(run);
    }
    let program = env!("CARGO_BIN_EXE_rust-cli");
    let may_run = Command::new("setpriv").args(SETPRIV).args(["test", "-x", program]).status();
    if !may_run.is_ok_and(|status| status.success()) {
        left_out("it runs as root, and no other user can run the program");
        return None;
    }
    own(home.path());
    own(&home.file(""));
    Some(run.under("setpriv", &SETPRIV))
}

/// cases 15, 118
#[tokio::test]
async fn in_a_folder_that_cannot_be_written_the_refresh_token_is_not_used_up() {
    for lock_is_there in [false, true] {
        let (server, home) = stored_login(-60).await;
        let Some(run) = without_privileges(home.run(&server), &home) else { return };
        if lock_is_there {
            fs::write(home.file(".rust-lock"), "").unwrap();
            fs::set_permissions(home.file(".rust-lock"), Permissions::from_mode(0o400)).unwrap();
            own(&home.file(".rust-lock"));
        }
        let before = home.text();
        fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
        let ended = run.approved_at(&server).await;
        ended.goes_on_without_saving(&home, &server);
        ended.says(&["make it writable", "is not renewed, because the new token could not take its place"]);
        assert!(ended.stderr.matches("at the same time may end it").count() <= 1, "{ended:?}");
        assert_eq!(home.text(), before);

        fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
        let next = without_privileges(home.run(&server), &home).unwrap().end().await;
        next.shows(&home.stored(server.public_client()).unwrap(), &server);
        assert_eq!(server.count(Endpoint::DeviceAuthorization), 1, "nobody had to log in again");
    }
}

/// case 119
#[tokio::test]
async fn a_token_that_is_about_to_expire_serves_where_a_new_one_could_not_be_saved() {
    let (server, home) = stored_login(20).await;
    let Some(run) = without_privileges(home.run(&server), &home) else { return };
    let before = home.stored(server.public_client()).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
    let ended = run.end().await;
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    ended.shows(&before, &server);
    ended.says(&["make it writable", "The token there is stays in use"]);
    assert!(!ended.stderr.contains("expired"), "{ended:?}");
    assert_eq!((home.stored(server.public_client()), server.count(Endpoint::Token)), (Some(before), 0));
}

/// case 121
#[tokio::test]
async fn a_refused_token_is_not_renewed_where_a_new_one_could_not_be_saved_and_not_called_expired() {
    let (server, home) = stored_login(600).await;
    let Some(run) = without_privileges(home.run(&server), &home) else { return };
    let before = home.stored(server.public_client()).unwrap();
    server.revoke(&before.access_token);
    fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
    let ended = run.approved_at(&server).await;
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    ended.goes_on_without_saving(&home, &server);
    ended.says(&["is not renewed, because the new token could not take its place"]);
    assert!(!ended.stderr.contains("expired") && !ended.stderr.contains("revoked"), "{ended:?}");
    assert_eq!((home.stored(server.public_client()), refreshes(&server)), (Some(before), 0));
}

/// case 121
#[tokio::test]
async fn a_refused_token_is_not_shown_where_the_person_refuses_the_new_login() {
    let (server, home) = stored_login(600).await;
    let Some(run) = without_privileges(home.run(&server), &home) else { return };
    server.revoke(&home.stored(server.public_client()).unwrap().access_token);
    fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
    let started = run.start();
    until("a device code", || server.latest_user_code().is_some_and(|code| server.deny_device(&code))).await;
    let ended = started.end().await;
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    ended.fails_with(1, &["is not renewed", "refused by the person"]);
}

/// case 119
#[tokio::test]
async fn a_token_that_expires_soon_and_was_revoked_does_not_serve_where_no_other_could_be_saved() {
    let (server, home) = stored_login(20).await;
    let Some(run) = without_privileges(home.run(&server), &home) else { return };
    server.revoke(&home.stored(server.public_client()).unwrap().access_token);
    fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
    let ended = run.approved_at(&server).await;
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    ended.goes_on_without_saving(&home, &server);
}

/// cases 118, 131
#[tokio::test]
async fn on_a_full_disk_the_refresh_token_is_not_used_up() {
    for (space, size_of_others) in [("0", 0), ("64", 100_000)] {
        let (server, home) = stored_login(-60).await;
        let mut document = home.document().unwrap();
        document["data"]["neighbour"] = "x".repeat(size_of_others).into();
        home.replace(&document.to_string());
        let before = home.text();
        let ended = home.run(&server).with_space_for(space).approved_at(&server).await;
        ended.goes_on_without_saving(&home, &server);
        ended.says(&["free some space", "is not renewed, because the new token could not take its place"]);
        assert_eq!((home.text(), refreshes(&server)), (before, 0));

        let next = home.run(&server).end().await;
        next.shows(&home.stored(server.public_client()).unwrap(), &server);
        assert_eq!(server.count(Endpoint::DeviceAuthorization), 1, "nobody had to log in again");
    }
}

/// cases 119, 131
#[tokio::test]
async fn on_a_full_disk_a_token_that_is_about_to_expire_serves() {
    let (server, home) = stored_login(20).await;
    let before = home.stored(server.public_client()).unwrap();
    let ended = home.run(&server).without_space().end().await;
    ended.shows(&before, &server);
    ended.says(&["free some space", "stays in use"]);
    assert_eq!((home.stored(server.public_client()), server.count(Endpoint::Token)), (Some(before), 0));
}
