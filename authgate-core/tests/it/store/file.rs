//! The token file as a file: which data survive, who may read it, which files are refused.

use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use authgate_core::test_util::{FileStore, LoginGuard, Notices, TokenStore};
use authgate_core::{Error, Result, Secret};
use authgate_test_support::Home;
use authgate_test_support::files::names_in;
use insta::assert_snapshot;

use crate::support::store_process::{run, start};
use crate::support::stores::{CLIENT, UnderLock, file_in, shown, token};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn reason<T: Debug>(result: Result<T>) -> String {
    match result {
        Err(error @ Error::Other { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn file_with_notices(home: &Home) -> (FileStore, Notices) {
    let notices = Notices::default();
    (FileStore::new(home.file(""), notices.clone()), notices)
}

/// Returns the new notices, one per line.
fn new_notices(notices: &Notices, home: &Home) -> String {
    let lines: Vec<_> = notices.take().iter().map(ToString::to_string).collect();
    shown(&lines.join("\n"), home)
}

#[test]
fn entries_of_others_stay_byte_for_byte() {
    let home = Home::new();
    let deep = format!(
        r#""deep": {}{{"b": null,   "a": true}}{}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let others = [
        r#""tokens": {"a":  [1.0, 1e5,-0, 12345678901234567890123]}"#,
        r#""caf\u00e9\/": "\u00e9\ud83d\ude00""#,
        &deep,
    ];
    let entries = [
        r#""other\u002dclient": "{\"access_token\":\"x\",\"expires_at\":1.50}""#,
        r#""odd": {"not":"text"}"#,
    ];
    let text = format!(
        "{{{},\"data\":{{{}}},{}}}",
        others[0],
        entries.join(","),
        others[1..].join(" , ")
    );
    home.replace(&text);

    let store = file_in(&home);
    store.save(CLIENT, &token(1)).unwrap();
    store.save(CLIENT, &token(2)).unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), Some(token(2)));
    store.delete(CLIENT).unwrap();

    let text = home.text().unwrap();
    for kept in others.iter().chain(&entries) {
        assert!(text.contains(kept), "{kept:.80} is gone");
    }
    assert!(!text.contains(CLIENT) && !text.contains("authgate-rust"));
}

#[test]
fn the_file_looks_as_the_other_clients_write_it() {
    let home = Home::new();
    let store = file_in(&home);
    let mut token = token(1);
    (token.issuer, token.scope, token.id_token) = (None, None, None);
    store.save(CLIENT, &token).unwrap();
    let entry = r#""{\"access_token\": \"access-1\", \"refresh_token\": \"refresh-1\", \"token_type\": \"Bearer\", \"expires_at\": 2000000001, \"client_id\": \"client-1\"}""#;
    let expected = format!("{{\n  \"data\": {{\n    \"client-1\": {entry}\n  }}\n}}\n");
    assert_eq!(home.text().unwrap(), expected);
}

#[test]
fn a_file_that_others_can_read_is_closed_to_them_with_a_warning() {
    let home = Home::new();
    let path = home.file("");
    file_in(&home).save(CLIENT, &token(1)).unwrap();
    for open in [0o644, 0o666] {
        set_mode(&path, open);
        let (store, notices) = file_with_notices(&home);
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        assert_eq!(mode(&path), 0o600);
        assert!(new_notices(&notices, &home).starts_with("Other users could read"));
        assert_eq!(new_notices(&notices, &home), "");
    }
}

#[tokio::test]
async fn only_the_owner_can_read_the_files_of_a_save() {
    let home = Home::new();
    home.replace("damaged");
    symlink("/nowhere", home.file(".tmp")).unwrap();
    // A permissive umask does not make the file readable for others.
    let mut saver = start(run(&home, "file").under("sh", &["-c", r#"umask 0; exec "$0" "$@""#]));
    assert_eq!(saver.ask("save 1").await, "saved");
    let mut names = names_in(home.path());
    names.retain(|name| *name != ".authgate-tokens.json.tmp");
    assert_eq!(
        names.len(),
        3,
        "the file, its lock, and the damaged one: {names:?}"
    );
    assert!(home.file(".tmp").is_symlink());
    for name in names {
        assert_eq!(mode(&home.path().join(&name)), 0o600, "{name}");
    }
}

#[test]
fn a_folder_that_others_can_write_is_only_warned_about() {
    let home = Home::new();
    set_mode(home.path(), 0o777);
    let (store, notices) = file_with_notices(&home);
    store.save(CLIENT, &token(1)).unwrap();
    assert_snapshot!(new_notices(&notices, &home), @"Other users can write in [home] and could replace the token file. To prevent that: chmod go-w [home].");
    assert_eq!(mode(home.path()), 0o777);

    set_mode(home.path(), 0o1777);
    let (store, notices) = file_with_notices(&home);
    store.save(CLIENT, &token(1)).unwrap();
    assert_eq!(new_notices(&notices, &home), "");
}

type MakeTrap = fn(&Path);

#[test]
fn a_path_that_is_no_plain_file_is_refused_and_named() {
    let traps: [(&str, MakeTrap); 4] = [
        ("symbolic link", |path| symlink("elsewhere", path).unwrap()),
        ("not a regular file", |path| fs::create_dir(path).unwrap()),
        ("not a regular file", |path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("hard link", |path| {
            fs::write(path, "{}").unwrap();
            fs::hard_link(path, path.with_extension("second")).unwrap();
        }),
    ];
    for (expected, make) in traps {
        for suffix in ["", ".lock", ".rust-lock"] {
            let home = Home::new();
            let trap = home.file(suffix);
            make(&trap);
            let store = file_in(&home);
            let text = reason(store.save(CLIENT, &token(1)));
            assert!(text.starts_with(trap.to_str().unwrap()), "{text}");
            // A folder cannot be opened for writing.
            assert!(
                text.contains(expected) || text.contains("directory"),
                "{text}"
            );
            assert!(trap.symlink_metadata().is_ok());
            if suffix.is_empty() {
                assert!(reason(store.load(CLIENT)).contains(expected));
            }
        }
    }
    assert_snapshot!(reason(FileStore::new("/dev/null", Notices::default()).load(CLIENT)), @"/dev/null: is not a regular file: remove it, or set HOME to another folder");
}

#[test]
#[ignore = "needs root: run with --include-ignored"]
fn another_users_file_or_folder_is_refused() {
    let home = Home::new();
    home.replace("{}");
    chown(home.file(""), Some(12345), None).unwrap();
    let store = file_in(&home);
    assert!(reason(store.load(CLIENT)).contains("belongs to another user"));
    assert!(reason(store.save(CLIENT, &token(1))).contains("belongs to another user"));

    let home = Home::new();
    chown(home.path(), Some(12345), None).unwrap();
    assert_snapshot!(shown(&reason(file_in(&home).save(CLIENT, &token(1))), &home), @"[home]: belongs to another user: set HOME to a folder of yours");
    assert_eq!(names_in(home.path()), [""; 0]);
}

#[test]
fn a_damaged_file_has_no_token_and_is_copied() {
    let too_large = format!(r#"{{"data": {{}}, "x": "{}"}}"#, "x".repeat(5 << 20));
    let deep = format!("{}{}", r#"{"data": "#, "[".repeat(100_000));
    let damaged: [&[u8]; 9] = [
        b"{\"data\": {\"cl",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[]",
        b"{\"data\": []}",
        b"{\"data\": null}",
        b"null",
        deep.as_bytes(),
        too_large.as_bytes(),
    ];
    for content in damaged {
        let home = Home::new();
        let path = home.place(".authgate-tokens.json", content);
        let (store, notices) = file_with_notices(&home);
        assert_eq!(store.load(CLIENT).unwrap(), None);
        store.delete(CLIENT).unwrap();
        assert_eq!(
            fs::read(&path).unwrap(),
            content,
            "nothing had to be written"
        );

        store.save(CLIENT, &token(1)).unwrap();
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        let names = names_in(home.path());
        let copy = names
            .iter()
            .find(|name| name.starts_with(".authgate-tokens.json.corrupt-"))
            .expect("a copy");
        assert_eq!(fs::read(home.path().join(copy)).unwrap(), content);
        assert_eq!(mode(&home.path().join(copy)), 0o600);
        assert!(new_notices(&notices, &home).contains("was damaged and has been replaced"));
    }
}

#[test]
fn a_save_that_no_load_could_read_is_refused() {
    let home = Home::new();
    let mut large = token(1);
    large.access_token = Secret::from("a".repeat(1 << 20));
    large.refresh_token = Some(Secret::from("r".repeat(1 << 20)));
    file_in(&home).save("first", &large).unwrap();
    let before = home.text();
    let refusal = reason(file_in(&home).save("second", &large));
    assert_snapshot!(shown(&refusal, &home), @"[home]/.authgate-tokens.json: would become larger than 4 MiB, which no client reads: remove entries that are not needed");
    assert_eq!(home.text(), before);
}

#[test]
fn an_empty_file_or_a_bad_entry_is_replaced_without_a_copy() {
    for content in [
        "",
        "\n",
        "{}",
        r#"{"data": {}}"#,
        r#"{"data": {"client-1": {}}}"#,
        r#"{"data": {"client-1": "x"}}"#,
    ] {
        let home = Home::new();
        home.replace(content);
        let store = file_in(&home);
        assert_eq!(store.load(CLIENT).unwrap(), None);
        store.save(CLIENT, &token(1)).unwrap();
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        assert_eq!(home.leftovers(), [""; 0]);
    }
}

#[tokio::test]
async fn on_a_full_disk_the_old_file_stays_until_deleted() {
    let home = Home::new();
    file_in(&home).save(CLIENT, &token(1)).unwrap();
    let before = home.text();
    let mut saver = start(run(&home, "file").with_space_for("0"));
    let answer = shown(&saver.ask("save 2").await, &home);
    assert!(
        answer
            .starts_with("error: [home]/.authgate-tokens.json: cannot be written (File too large"),
        "{answer}"
    );
    assert_eq!(home.text(), before);
    assert_eq!(home.leftovers(), [""; 0]);
    assert_eq!(saver.ask("delete").await, "deleted");
    assert_eq!(home.text(), None);
}

#[test]
fn a_missing_folder_is_named_and_not_made() {
    let home = Home::new();
    let store = FileStore::new(
        home.path().join("missing").join("tokens.json"),
        Notices::default(),
    );
    assert!(store.load(CLIENT).unwrap().is_none());
    assert_snapshot!(shown(&reason(store.save(CLIENT, &token(1))), &home), @"[home]/missing: cannot be used (No such file or directory (os error 2)): the folder does not exist; make it, or set HOME to one that does");
    assert_eq!(names_in(home.path()), [""; 0]);
}

#[test]
fn deleting_a_missing_login_makes_no_file() {
    let home = Home::new();
    let no_lock = LoginGuard::Unlocked("a test needs none".to_owned());
    file_in(&home).put(CLIENT, None, None, &no_lock).unwrap();
    assert_eq!(names_in(home.path()), [""; 0]);
    assert!(reason(file_in(&home).save("", &token(1))).contains("client ID is empty"));
}
