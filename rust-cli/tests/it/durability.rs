//! A save outlives a power cut, as far as the order of its steps can tell: nobody can cut the power here.

use std::fs;

use crate::support::{Home, server, strace_is_asked_for};

/// case 140
#[tokio::test]
async fn the_new_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_the_end() {
    if !strace_is_asked_for() {
        return;
    }
    let (server, home) = (server().await, Home::new());
    let trace = home.path().join("trace");
    let what = ["-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", trace.to_str().unwrap()];
    let run = home.run(&server).under("strace", &what);
    assert_eq!(run.approved_at(&server).await.status, Some(0));

    let trace = fs::read_to_string(trace).unwrap();
    let folder = fs::canonicalize(home.path()).unwrap();
    let temporary = format!("{}/.authgate-tokens.json.authgate-rust-", folder.display());
    let step = |parts: &[&str]| trace.lines().position(|line| parts.iter().all(|part| line.contains(part)));
    let steps = [
        step(&["fsync(", &temporary]),
        step(&["rename", &temporary, "/.authgate-tokens.json\""]),
        step(&["fsync(", &format!("<{}>", folder.display())]),
    ];
    assert!(steps.iter().all(Option::is_some) && steps.is_sorted(), "{steps:?} in {trace}");
}
