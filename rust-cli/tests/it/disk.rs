//! A token that the server has renewed and the disk does not take.
//!
//! `AUTHGATE_TEST_STRACE=1` adds the tests in which strace makes the system refuse a call. What
//! cannot be provoked is a disk that accepts a write, confirms the sync and loses it in a power cut.

use std::fs;
use std::time::Duration;

use crate::support::{Home, Run, Started, server, strace_is_asked_for, until};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};

/// A server that ends the login when an old refresh token comes back, and an expired login.
async fn expired_login() -> (DevServer, Home) {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    home.log_in(&server, -60);
    (server, home)
}

fn add_neighbour(home: &Home) {
    let mut document = home.document().unwrap();
    document["data"]["neighbour"] = "theirs".into();
    home.replace(&document.to_string());
}

/// The system answers every call of these with this error.
fn refusing(run: Run, calls: &str, error: &str) -> Run {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error={error}"));
    run.under("strace", &["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
}

/// Once there is space again, the login that was lost is made anew and kept.
async fn logs_in_anew(home: &Home, server: &DevServer) {
    let next = home.run(server).approved_at(server).await;
    next.shows(&home.stored(server.public_client()).unwrap(), server);
}

/// A run that does something to the file, or has it done, while the server renews the token in it.
async fn disturbed(run: Run, server: &DevServer, disturb: impl FnOnce(&Started)) -> Started {
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_secs(2)), Times::Once);
    let asked_before = server.count(Endpoint::Token);
    let run = run.start();
    until("the refresh", || server.count(Endpoint::Token) > asked_before).await;
    disturb(&run);
    run
}

/// A run that finds space on the disk before the server renews the token, and none after that.
#[cfg(target_os = "linux")]
async fn filled_up_meanwhile(home: &Home, server: &DevServer) -> Started {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    disturbed(home.run(server).with_space_for("unlimited"), server, |run| {
        let no_space = Rlimit { current: Some(0), maximum: Some(0) };
        prlimit(Pid::from_raw(run.id().cast_signed()), Resource::Fsize, no_space).unwrap();
    })
    .await
}

/// cases 118, 131
#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_the_disk_fills_up_meanwhile_the_token_serves_this_run_and_the_used_up_one_is_deleted() {
    let (server, home) = expired_login().await;
    let ended = filled_up_meanwhile(&home, &server).await.end().await;
    ended.goes_on_without_saving(&home, &server);
    ended.says(&["free some space", "The old token there has been replaced and was deleted"]);
    assert_eq!(home.text(), None, "nothing else was in the file");
    logs_in_anew(&home, &server).await;
}

/// cases 118, 131
#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_the_disk_fills_up_meanwhile_a_file_with_other_clients_in_it_stays_and_a_warning_says_so() {
    let (server, home) = expired_login().await;
    add_neighbour(&home);
    let before = home.text();
    let ended = filled_up_meanwhile(&home, &server).await.end().await;
    ended.goes_on_without_saving(&home, &server);
    ended.says(&["free some space", "An old token stays there"]);
    assert_eq!(home.text(), before);
    logs_in_anew(&home, &server).await;
    assert_eq!(home.document().unwrap()["data"]["neighbour"], "theirs");
}

/// cases 116, 131
#[cfg(target_os = "linux")]
#[tokio::test]
async fn while_the_disk_stays_full_each_run_can_be_logged_in_by_hand() {
    let (server, home) = expired_login().await;
    add_neighbour(&home);
    let before = home.text();
    assert_eq!(filled_up_meanwhile(&home, &server).await.end().await.status, Some(0));

    let ended = home.run(&server).without_space().approved_at(&server).await;
    ended.goes_on_without_saving(&home, &server);
    ended.says(&["is not renewed", "free some space"]);
    assert_eq!(home.text(), before);

    let ended = filled_up_meanwhile(&home, &server).await.approved_at(&server).await;
    ended.goes_on_without_saving(&home, &server);
    ended.says(&["The server has revoked the stored login", "An old token stays there"]);
    assert_eq!(home.text(), before);
    logs_in_anew(&home, &server).await;
}

/// cases 118, 131
#[tokio::test]
async fn a_first_login_on_a_full_disk_serves_this_run_and_leaves_nothing() {
    let (server, home) = (server().await, Home::new());
    let ended = home.run(&server).without_space().approved_at(&server).await;
    ended.goes_on_without_saving(&home, &server);
    assert_eq!(home.text(), None);
}

/// cases 118, 131, 140
#[tokio::test]
async fn a_disk_that_fails_while_the_new_file_is_synced_or_renamed_keeps_the_old_one() {
    if !strace_is_asked_for() {
        return;
    }
    for (calls, error) in [("fsync", "EIO"), ("fsync", "ENOSPC"), ("rename,renameat,renameat2", "EIO")] {
        let (server, home) = expired_login().await;
        add_neighbour(&home);
        let before = home.text();
        let ended = refusing(home.run(&server), calls, error).end().await;
        ended.goes_on_without_saving(&home, &server);
        ended.says(&["An old token stays there"]);
        assert_eq!(home.text(), before, "{calls} {error}");
        logs_in_anew(&home, &server).await;
    }
}

/// case 113
#[tokio::test]
async fn on_a_file_system_without_locks_the_token_is_renewed_and_one_line_says_what_may_happen() {
    if !strace_is_asked_for() {
        return;
    }
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let (server, home) = expired_login().await;
        let ended = refusing(home.run(&server), "flock", error).end().await;
        ended.shows(&home.stored(server.public_client()).unwrap(), &server);
        assert_eq!(ended.stderr.matches("cannot be locked").count(), 1, "{ended:?}");
        ended.says(&["Two programs that renew the login at the same time may end it"]);
        assert_eq!((server.count(Endpoint::Token), server.count(Endpoint::DeviceAuthorization)), (1, 0));
        assert_eq!(home.leftovers(), [""; 0]);
    }
}

#[tokio::test]
async fn on_a_file_system_without_hard_links_nothing_is_different() {
    if !strace_is_asked_for() {
        return;
    }
    let (server, home) = expired_login().await;
    let ended = refusing(home.run(&server), "link,linkat", "EPERM").end().await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    assert_eq!((home.leftovers(), ended.stderr.lines().count()), (vec![], 1), "{ended:?}");
}

/// case 118
#[tokio::test]
async fn a_folder_that_is_deleted_meanwhile_is_named_and_the_token_serves_this_run() {
    let (server, home) = expired_login().await;
    let ended = disturbed(home.run(&server), &server, |_| fs::remove_dir_all(home.path()).unwrap()).await.end().await;
    assert_eq!((ended.status, ended.value("Subject")), (Some(0), server.user().subject.as_str()), "{ended:?}");
    ended.says(&[home.path().to_str().unwrap(), "the folder does not exist", "lasts for this run only"]);
    assert!(!home.path().exists());
}

/// cases 118, 126
#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_left_alone_and_the_token_serves_this_run() {
    let (server, home) = expired_login().await;
    let ended = disturbed(home.run(&server), &server, |_| {
        fs::remove_file(home.file("")).unwrap();
        fs::create_dir(home.file("")).unwrap();
    })
    .await
    .end()
    .await;
    ended.goes_on_without_saving(&home, &server);
    ended.says(&["is not a regular file"]);
    assert!(home.file("").is_dir());
}
