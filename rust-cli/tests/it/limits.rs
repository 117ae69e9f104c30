//! A session that allows the program few threads or open files.

use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::{run, server};

#[tokio::test]
#[ignore = "needs strace: run with --include-ignored"]
async fn a_login_is_saved_where_no_thread_can_be_started() {
    let (server, home) = (server().await, Home::new());
    let run = run(&home, &server).refusing("clone3,clone", "EAGAIN");
    run.approved_at(&server).await.shows_stored(&home, &server);
}

#[tokio::test]
async fn too_few_open_files_are_an_error_and_no_panic() {
    let (server, home) = (server().await, Home::new());
    let run = run(&home, &server).under("prlimit", &["--nofile=6"]);
    assert_snapshot!(run.end().await.failure(1), @"error: only 6 files may be open at once, and at least 16 are needed: ulimit -n 16");
}
