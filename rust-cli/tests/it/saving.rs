//! No test covers a disk that confirms a sync and loses the data in a power cut, because no test
//! can cause that.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::{Home, Run, Started};
use insta::assert_snapshot;

use crate::support::{denied_at, logged_in_with_rotation, refreshes, run, server, stored};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Prepares a run. If root runs the test, the run gets another user, because root may write
/// everywhere.
fn run_unprivileged(home: &Home, server: &DevServer) -> Run {
    let run = run(home, server);
    if is_root() {
        run.under(
            "setpriv",
            &["--reuid=65534", "--regid=65534", "--clear-groups"],
        )
    } else {
        run
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Prepares a run that may not write to its home folder until the folder's mode is 700 again.
fn run_in_read_only(home: &Home, server: &DevServer) -> Run {
    for file in [home.path(), &home.file(""), &home.file(".rust-lock")] {
        if is_root() && file.exists() {
            chown(file, Some(65534), None).unwrap();
        }
    }
    set_mode(home.path(), 0o500);
    run_unprivileged(home, server)
}

/// Starts a run, and calls `disturb` while its refresh waits at the server.
async fn disturbed(run: Run, server: &DevServer, disturb: impl FnOnce(&Started)) -> Started {
    let refresh = server.hold(Endpoint::Token);
    let run = run.start();
    refresh.arrived().await;
    disturb(&run);
    refresh.release();
    run
}

/// Starts a run whose disk is full as soon as the server has refreshed the token.
#[cfg(target_os = "linux")]
async fn start_and_fill_disk(home: &Home, server: &DevServer) -> Started {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    disturbed(
        run(home, server).with_space_for("unlimited"),
        server,
        |run| {
            let no_space = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            prlimit(
                Pid::from_raw(run.id().cast_signed()),
                Resource::Fsize,
                no_space,
            )
            .unwrap();
        },
    )
    .await
}

/// Checks that a person can log in again, and that the login is saved.
#[cfg(target_os = "linux")]
async fn logs_in_again(home: &Home, server: &DevServer) {
    run(home, server)
        .approved_at(server)
        .await
        .shows_stored(home, server);
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_save_syncs_file_then_name_before_the_run_ends() {
    let (server, home) = (server().await, Home::new());
    let trace = home.path().join("trace");
    let what = [
        "-f",
        "-y",
        "-e",
        "trace=fsync,fdatasync,rename,renameat,renameat2",
        "-o",
        trace.to_str().unwrap(),
    ];
    let run = run(&home, &server).under("strace", &what);
    assert_eq!(run.approved_at(&server).await.status, Some(0));

    let trace = fs::read_to_string(trace).unwrap();
    let folder = fs::canonicalize(home.path()).unwrap();
    let temporary = format!("{}/.authgate-tokens.json.authgate-rust-", folder.display());
    let step = |parts: &[&str]| {
        trace
            .lines()
            .position(|line| parts.iter().all(|part| line.contains(part)))
    };
    let steps = [
        step(&["fsync(", &temporary]),
        step(&["rename", &temporary, "/.authgate-tokens.json\""]),
        step(&["fsync(", &format!("<{}>", folder.display())]),
    ];
    assert!(
        steps.iter().all(Option::is_some) && steps.is_sorted(),
        "{steps:?} in {trace}"
    );
}

#[tokio::test]
async fn a_new_login_is_saved_if_the_lock_is_unavailable() {
    let (server, home) = (server().await, Home::new());
    symlink("elsewhere", home.file(".rust-lock")).unwrap();
    let ended = run(&home, &server).approved_at(&server).await;
    ended.shows_stored(&home, &server);
    assert_snapshot!(ended.notices(), @"
    [prompt]
    [home]/.authgate-tokens.json.rust-lock: is a symbolic link, which is not followed: put the file itself there, or remove the link. The login is saved without this lock, so another program that refreshes at the same time may end it.
    ");
    assert!(!home.path().join("elsewhere").exists());
}

#[tokio::test]
async fn a_new_login_waits_for_the_lock_of_a_crashed_client() {
    let (server, home) = (server().await, Home::new());
    let lock = home.place(".authgate-tokens.json.lock", "");
    let lock = fs::File::options().write(true).open(lock).unwrap();
    let before = SystemTime::now() - Duration::from_secs(20);
    lock.set_modified(before).unwrap();
    let ended = run(&home, &server).approved_at(&server).await;
    ended.shows_stored(&home, &server);
    assert!(
        ended.stderr.contains("Waiting for the stored login"),
        "{ended:?}"
    );
    assert_eq!(home.leftovers(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs setpriv where root runs it: run with --include-ignored"]
async fn a_read_only_folder_does_not_use_up_the_refresh_token() {
    let mut said = String::new();
    for lock_is_there in [false, true] {
        let (server, home) = logged_in_with_rotation(-60).await;
        if lock_is_there {
            let lock = home.place(".authgate-tokens.json.rust-lock", "");
            set_mode(&lock, 0o400);
        }
        let before = home.text();
        let ended = run_in_read_only(&home, &server).approved_at(&server).await;
        said += &ended.goes_on_without_saving(&home, &server);
        assert_eq!(home.text(), before);

        set_mode(home.path(), 0o700);
        run_unprivileged(&home, &server)
            .end()
            .await
            .shows_stored(&home, &server);
        assert_eq!(
            server.count(Endpoint::DeviceAuthorization),
            1,
            "nobody had to log in again"
        );
    }
    assert_snapshot!(said, @"
    The stored login was not refreshed, because the new token could not be saved: [home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours).
    [prompt]
    The stored login was not refreshed, because the new token could not be saved: [home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours).
    [prompt]
    ");
}

#[tokio::test]
#[ignore = "needs setpriv where root runs it: run with --include-ignored"]
async fn a_read_only_folder_keeps_a_token_that_expires_soon_in_use() {
    let (server, home) = logged_in_with_rotation(20).await;
    let before = stored(&home, &server);
    let ended = run_in_read_only(&home, &server).end().await;
    set_mode(home.path(), 0o700);
    ended.shows(&before, &server);
    assert_snapshot!(ended.notices(), @"The login could not be refreshed: [home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours. The stored token is still valid.");
    assert_eq!(
        (stored(&home, &server), server.count(Endpoint::Token)),
        (before, 0)
    );
}

#[tokio::test]
#[ignore = "needs setpriv where root runs it: run with --include-ignored"]
async fn a_read_only_folder_does_not_refresh_a_refused_token() {
    let mut said = String::new();
    for expires_in in [600, 20] {
        let (server, home) = logged_in_with_rotation(expires_in).await;
        let before = stored(&home, &server);
        server.revoke(&before.access_token);
        let ended = run_in_read_only(&home, &server).approved_at(&server).await;
        set_mode(home.path(), 0o700);
        said += &ended.goes_on_without_saving(&home, &server);
        assert_eq!((stored(&home, &server), refreshes(&server)), (before, 0));
    }
    // No text may say that the login expired or was revoked.
    assert_snapshot!(said, @"
    The stored login was not refreshed, because the new token could not be saved: [home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours).
    [prompt]
    The login could not be refreshed: [home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours. The stored token is still valid.
    The stored login was not refreshed, because the new token could not be saved: [home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json.lock: cannot be created (Permission denied (os error 13)): make it writable, or set HOME to a folder of yours).
    [prompt]
    ");
}

#[tokio::test]
#[ignore = "needs setpriv where root runs it: run with --include-ignored"]
async fn a_refused_token_is_not_shown_after_access_denied() {
    let (server, home) = logged_in_with_rotation(600).await;
    server.revoke(&stored(&home, &server).access_token);
    let ended = denied_at(&server, run_in_read_only(&home, &server)).await;
    set_mode(home.path(), 0o700);
    let failure = ended.failure(1);
    let (_, after_the_prompt) = failure.split_once("[prompt]\n").unwrap();
    assert_snapshot!(after_the_prompt, @"error: access denied: the login request was declined");
}

#[tokio::test]
async fn a_full_disk_does_not_use_up_the_refresh_token() {
    let mut said = Vec::new();
    for (space, size_of_others) in [("0", 0), ("64", 100_000)] {
        let (server, home) = logged_in_with_rotation(-60).await;
        let mut document = home.document().unwrap();
        document["data"]["neighbour"] = "x".repeat(size_of_others).into();
        home.replace(&document.to_string());
        let before = home.text();
        let ended = run(&home, &server)
            .with_space_for(space)
            .approved_at(&server)
            .await;
        said.push(ended.goes_on_without_saving(&home, &server));
        assert_eq!((home.text(), refreshes(&server)), (before, 0));

        run(&home, &server).end().await.shows_stored(&home, &server);
        assert_eq!(
            server.count(Endpoint::DeviceAuthorization),
            1,
            "nobody had to log in again"
        );
    }
    assert_eq!(said[0], said[1]);
    assert_snapshot!(said[0], @"
    The stored login was not refreshed, because the new token could not be saved: [home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again).
    [prompt]
    ");
}

#[tokio::test]
async fn a_full_disk_keeps_a_token_that_expires_soon_in_use() {
    let (server, home) = logged_in_with_rotation(20).await;
    let before = stored(&home, &server);
    let ended = run(&home, &server).with_space_for("0").end().await;
    ended.shows(&before, &server);
    assert_snapshot!(ended.notices(), @"The login could not be refreshed: [home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again. The stored token is still valid.");
    assert_eq!(
        (stored(&home, &server), server.count(Endpoint::Token)),
        (before, 0)
    );
}

#[tokio::test]
async fn a_first_login_on_a_full_disk_serves_this_run() {
    let (server, home) = (server().await, Home::new());
    let ended = run(&home, &server)
        .with_space_for("0")
        .approved_at(&server)
        .await;
    assert_snapshot!(ended.goes_on_without_saving(&home, &server), @"
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again).
    [prompt]
    ");
    assert_eq!(home.text(), None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_filled_during_a_refresh_deletes_the_used_token() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let ended = start_and_fill_disk(&home, &server).await.end().await;
    assert_snapshot!(ended.goes_on_without_saving(&home, &server), @"
    [home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again. The old token there no longer works, so it is deleted.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again).
    ");
    assert_eq!(home.text(), None, "nothing else was in the file");
    logs_in_again(&home, &server).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_filled_during_a_refresh_keeps_a_shared_file() {
    let (server, home) = logged_in_with_rotation(-60).await;
    home.add_neighbour();
    let before = home.text();
    let filled_up = start_and_fill_disk(&home, &server).await.end().await;
    assert_eq!(home.text(), before);
    // While the disk stays full, a person can log in for each run.
    let still_full = run(&home, &server)
        .with_space_for("0")
        .approved_at(&server)
        .await;
    assert_eq!(home.text(), before);
    let filled_up_again = start_and_fill_disk(&home, &server)
        .await
        .approved_at(&server)
        .await;
    assert_eq!(home.text(), before);
    let said = [filled_up, still_full, filled_up_again]
        .map(|ended| ended.goes_on_without_saving(&home, &server));
    assert_snapshot!(said.concat(), @"
    [home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again. An old token remains there: if a program sends it, the server may end the login.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again).
    The stored login was not refreshed, because the new token could not be saved: [home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again).
    [prompt]
    [home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again. An old token remains there: if a program sends it, the server may end the login.
    Your stored login was revoked by the server. Please log in again.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (File too large (os error 27)): free some space and try again).
    [prompt]
    ");
    logs_in_again(&home, &server).await;
    assert!(home.has_neighbour());
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_disk_that_fails_during_a_save_keeps_the_old_file() {
    let mut said = String::new();
    for (calls, error) in [
        ("fsync", "EIO"),
        ("fsync", "ENOSPC"),
        ("rename,renameat,renameat2", "EIO"),
    ] {
        let (server, home) = logged_in_with_rotation(-60).await;
        home.add_neighbour();
        let before = home.text();
        let ended = run(&home, &server).refusing(calls, error).end().await;
        said += &ended.goes_on_without_saving(&home, &server);
        assert_eq!(home.text(), before, "{calls} {error}");
        logs_in_again(&home, &server).await;
    }
    assert_snapshot!(said, @"
    [home]/.authgate-tokens.json: cannot be written (Input/output error (os error 5)). An old token remains there: if a program sends it, the server may end the login.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (Input/output error (os error 5))).
    [home]/.authgate-tokens.json: cannot be written (No space left on device (os error 28)): free some space and try again. An old token remains there: if a program sends it, the server may end the login.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be written (No space left on device (os error 28)): free some space and try again).
    [home]/.authgate-tokens.json: cannot be replaced (Input/output error (os error 5)). An old token remains there: if a program sends it, the server may end the login.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: cannot be replaced (Input/output error (os error 5))).
    ");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_disk_that_fails_once_during_a_save_loses_no_login() {
    for (calls, error) in [
        ("fsync", "EIO"),
        ("fsync", "ENOSPC"),
        ("rename,renameat,renameat2", "EIO"),
    ] {
        let (server, home) = logged_in_with_rotation(-60).await;
        home.add_neighbour();
        let ended = run(&home, &server)
            .refusing(calls, &format!("{error}:when=1"))
            .end()
            .await;
        ended.shows_stored(&home, &server);
        assert_eq!(
            (ended.notices(), refreshes(&server)),
            (String::new(), 1),
            "{calls} {error}"
        );
        assert!(home.has_neighbour());
        assert_eq!(home.leftovers(), [""; 0]);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_file_system_without_locks_is_said_once() {
    let mut said = String::new();
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let (server, home) = logged_in_with_rotation(-60).await;
        let ended = run(&home, &server).refusing("flock", error).end().await;
        ended.shows_stored(&home, &server);
        said += &ended.notices();
        assert_eq!(
            (
                server.count(Endpoint::Token),
                server.count(Endpoint::DeviceAuthorization)
            ),
            (1, 0)
        );
        assert_eq!(home.leftovers(), [""; 0]);
    }
    assert_snapshot!(said, @"
    [home]/.authgate-tokens.json.rust-lock: cannot be locked (No locks available (os error 37)). The login is saved without this lock, so another program that refreshes at the same time may end it.
    [home]/.authgate-tokens.json.rust-lock: cannot be locked (Operation not supported (os error 95)). The login is saved without this lock, so another program that refreshes at the same time may end it.
    ");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_file_system_without_hard_links_changes_nothing() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let ended = run(&home, &server)
        .refusing("link,linkat", "EPERM")
        .end()
        .await;
    ended.shows_stored(&home, &server);
    assert_snapshot!(ended.notices(), @"");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[tokio::test]
async fn a_folder_deleted_during_a_refresh_is_named() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let run = disturbed(run(&home, &server), &server, |_| {
        fs::remove_dir_all(home.path()).unwrap();
    })
    .await;
    let ended = run.end().await;
    assert_eq!(
        (ended.status, ended.value("Subject")),
        (Some(0), server.user().subject.as_str()),
        "{ended:?}"
    );
    assert_snapshot!(ended.notices(), @"The login cannot be saved, so it lasts for this run only ([home]: cannot be used (No such file or directory (os error 2)): the folder does not exist; make it, or set HOME to one that does).");
    assert!(!home.path().exists());
}

#[tokio::test]
async fn a_file_that_is_not_replaced_is_named_before_the_login() {
    type MakeTrap = fn(&Path);
    let traps: [MakeTrap; 2] = [
        |path| symlink("elsewhere", path).unwrap(),
        |path| fs::create_dir(path).unwrap(),
    ];
    let mut said = String::new();
    for make in traps {
        let (server, home) = (server().await, Home::new());
        make(&home.file(""));
        let ended = run(&home, &server).approved_at(&server).await;
        said += &ended.goes_on_without_saving(&home, &server);
    }
    assert_snapshot!(said, @"
    [home]/.authgate-tokens.json: is a symbolic link, which is not followed: put the file itself there, or remove the link.
    The login cannot be saved, so it lasts for this run only.
    [prompt]
    [home]/.authgate-tokens.json: is not a regular file: remove it, or set HOME to another folder.
    The login cannot be saved, so it lasts for this run only.
    [prompt]
    ");
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_left_alone() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let run = disturbed(run(&home, &server), &server, |_| {
        fs::remove_file(home.file("")).unwrap();
        fs::create_dir(home.file("")).unwrap();
    });
    let ended = run.await.end().await;
    assert_snapshot!(ended.goes_on_without_saving(&home, &server), @"
    [home]/.authgate-tokens.json: is not a regular file: remove it, or set HOME to another folder. An old token remains there: if a program sends it, the server may end the login.
    The login cannot be saved, so it lasts for this run only ([home]/.authgate-tokens.json: is not a regular file: remove it, or set HOME to another folder).
    ");
    assert!(home.file("").is_dir());
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_file_that_cannot_be_closed_to_others_is_not_said_to_be() {
    let (server, home) = crate::support::logged_in(600).await;
    fs::set_permissions(home.file(""), Permissions::from_mode(0o644)).unwrap();
    // As on a file system without permissions: the call succeeds and does nothing.
    let without_effect = "inject=fchmod:retval=0";
    let strace = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fchmod",
        "-e",
        without_effect,
    ];
    let ended = run(&home, &server).under("strace", &strace).end().await;
    ended.shows_stored(&home, &server);
    assert_snapshot!(ended.notices(), @"Other users can read [home]/.authgate-tokens.json, because its file system ignores permissions. To prevent it, set HOME to a folder on another one.");
}
