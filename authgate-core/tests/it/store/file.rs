//! The token file as a file: what survives, who may read it, what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::stores::{CLIENT, folder, left_out, names_in, part, part_path, token};
use authgate_core::store::{FileStore, Notice, TokenStore};
use authgate_core::{Error, Result};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn reason<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(error @ Error::Store { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// case 129
#[test]
fn whatever_is_not_ours_stays_to_the_byte() {
    let (_folder, path) = folder();
    let deep = format!(r#""deep": {}{{"b": null,   "a": true}}{}"#, "[".repeat(100_000), "]".repeat(100_000));
    let others = [
        r#""tokens": {"a":  [1.0, 1e5,-0, 12345678901234567890123]}"#,
        r#""caf\u00e9\/": "\u00e9\ud83d\ude00""#,
        &deep,
    ];
    let entries =
        [r#""other\u002dclient": "{\"access_token\":\"x\",\"expires_at\":1.50}""#, r#""odd": {"not":"text"}"#];
    let text = format!("{{{},\"data\":{{{}}},{}}}", others[0], entries.join(","), others[1..].join(" , "));
    fs::write(&path, text).unwrap();

    let store = FileStore::new(&path);
    store.save(CLIENT, &token(1)).unwrap();
    store.save(CLIENT, &token(2)).unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), Some(token(2)));
    store.delete(CLIENT).unwrap();

    let text = fs::read_to_string(&path).unwrap();
    for kept in others.iter().chain(&entries) {
        assert!(text.contains(kept), "{kept:.80} is gone");
    }
    assert!(!text.contains(CLIENT) && !text.contains("authgate-rust"));
}

#[test]
fn the_file_looks_as_the_other_clients_write_it() {
    let (_folder, path) = folder();
    let store = FileStore::new(&path);
    let mut token = token(1);
    (token.issuer, token.scope, token.id_token) = (None, None, None);
    store.save(CLIENT, &token).unwrap();
    let entry = r#""{\"access_token\": \"access-1\", \"refresh_token\": \"refresh-1\", \"token_type\": \"Bearer\", \"expires_at\": 2000000001, \"client_id\": \"client-1\"}""#;
    let expected = format!("{{\n  \"data\": {{\n    \"client-1\": {entry}\n  }}\n}}\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

/// cases 125, 127
#[test]
fn only_the_owner_can_read_what_is_written_and_nothing_else_is_left() {
    let (folder, path) = folder();
    let trap = folder.path().join("tokens.json.tmp");
    symlink("/nowhere", &trap).unwrap();
    FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names_in(folder.path()), ["tokens.json", "tokens.json.rust-lock", "tokens.json.tmp"]);
    assert_eq!(mode(&folder.path().join("tokens.json.rust-lock")), 0o600);
}

/// case 125
#[test]
fn a_file_that_others_can_read_is_closed_to_them_with_a_warning() {
    let (_folder, path) = folder();
    let store = FileStore::new(&path);
    store.save(CLIENT, &token(1)).unwrap();
    for open in [0o644, 0o666] {
        set_mode(&path, open);
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        assert_eq!(mode(&path), 0o600);
        assert!(matches!(&store.take_notices()[..], [Notice::PermissionsRepaired { .. }]));
        assert!(store.take_notices().is_empty());
    }
}

/// case 125
#[test]
fn no_file_is_wider_open_where_the_umask_would_let_it_be() {
    let (folder, path) = folder();
    fs::write(&path, "damaged").unwrap();
    set_mode(&path, 0o600);
    run_under("umask 0", &part("part_that_saves", &path));
    let names = names_in(folder.path());
    assert_eq!(names.len(), 3, "the file, its lock, and the damaged one: {names:?}");
    for name in names {
        assert_eq!(mode(&folder.path().join(&name)), 0o600, "{name}");
    }
}

#[test]
fn part_that_saves() {
    let Some(path) = part_path() else { return };
    FileStore::new(path).save(CLIENT, &token(1)).unwrap();
}

/// case 125
#[test]
fn a_folder_that_others_can_write_is_only_warned_about() {
    let (folder, path) = folder();
    set_mode(folder.path(), 0o777);
    let store = FileStore::new(&path);
    store.save(CLIENT, &token(1)).unwrap();
    assert!(matches!(&store.take_notices()[..], [Notice::FolderIsOpen { .. }]));
    assert_eq!(mode(folder.path()), 0o777);

    set_mode(folder.path(), 0o1777);
    store.save(CLIENT, &token(1)).unwrap();
    assert!(store.take_notices().is_empty());
}

/// Runs a part, which must succeed, after these commands of the shell.
fn run_under(commands: &str, part: &Command) {
    let output = Command::new("sh")
        .args(["-c", &format!("{commands}; exec \"$@\""), "sh"])
        .arg(part.get_program())
        .args(part.get_args())
        .envs(part.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

type MakeTrap = fn(&Path);

/// case 126
#[test]
fn what_is_not_a_plain_file_of_ours_is_refused_by_its_name() {
    let traps: [(&str, MakeTrap); 4] = [
        ("symbolic link", |path| symlink("elsewhere", path).unwrap()),
        ("not a regular file", |path| fs::create_dir(path).unwrap()),
        ("not a regular file", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
        ("hard link", |path| {
            fs::write(path, "{}").unwrap();
            fs::hard_link(path, path.with_extension("second")).unwrap();
        }),
    ];
    for (expected, make) in traps {
        for suffix in ["", ".lock", ".rust-lock"] {
            let (folder, path) = folder();
            let trap = folder.path().join(format!("tokens.json{suffix}"));
            make(&trap);
            let store = FileStore::new(&path);
            let text = reason(store.save(CLIENT, &token(1)));
            assert!(text.starts_with(trap.to_str().unwrap()), "{text}");
            // A folder cannot even be opened for writing.
            assert!(text.contains(expected) || text.contains("directory"), "{text}");
            assert!(trap.symlink_metadata().is_ok());
            if suffix.is_empty() {
                assert!(reason(store.load(CLIENT)).contains(expected));
            }
        }
    }
}

/// case 126
#[test]
fn a_device_is_no_token_file() {
    let text = reason(FileStore::new("/dev/null").load(CLIENT));
    assert!(text.starts_with("/dev/null") && text.contains("not a regular file"), "{text}");
}

/// cases 15, 126
#[test]
fn what_belongs_to_another_user_is_refused() {
    let (_folder, path) = folder();
    fs::write(&path, "{}").unwrap();
    if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
        left_out("only root can give a file away");
        return;
    }
    let store = FileStore::new(&path);
    assert!(reason(store.load(CLIENT)).contains("belongs to another user"));
    assert!(reason(store.save(CLIENT, &token(1))).contains("belongs to another user"));

    let (folder, path) = folder();
    std::os::unix::fs::chown(folder.path(), Some(12345), None).unwrap();
    let text = reason(FileStore::new(path).save(CLIENT, &token(1)));
    assert!(text.contains("belongs to another user: set HOME"), "{text}");
    assert_eq!(names_in(folder.path()), [""; 0]);
}

/// case 128
#[test]
fn a_file_that_cannot_be_understood_holds_no_token_and_is_kept_when_it_is_replaced() {
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
        let (folder, path) = folder();
        fs::write(&path, content).unwrap();
        let store = FileStore::new(&path);
        assert_eq!(store.load(CLIENT).unwrap(), None);
        store.delete(CLIENT).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content, "nothing had to be written");

        store.save(CLIENT, &token(1)).unwrap();
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        let names = names_in(folder.path());
        let copy = names.iter().find(|name| name.starts_with("tokens.json.corrupt-")).expect("a copy");
        assert_eq!(fs::read(folder.path().join(copy)).unwrap(), content);
        assert_eq!(mode(&folder.path().join(copy)), 0o600);
        assert!(store.take_notices().iter().any(|notice| matches!(notice, Notice::DamagedFileKept { .. })));
    }
}

/// case 128
#[test]
fn an_empty_file_or_a_bad_entry_alone_is_replaced_without_ado() {
    for content in
        ["", "\n", "{}", r#"{"data": {}}"#, r#"{"data": {"client-1": {}}}"#, r#"{"data": {"client-1": "x"}}"#]
    {
        let (folder, path) = folder();
        fs::write(&path, content).unwrap();
        let store = FileStore::new(&path);
        assert_eq!(store.load(CLIENT).unwrap(), None);
        store.save(CLIENT, &token(1)).unwrap();
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        assert_eq!(names_in(folder.path()), ["tokens.json", "tokens.json.rust-lock"]);
    }
}

/// case 131
#[test]
fn when_the_disk_is_full_the_old_file_stays_and_no_other() {
    let (folder, path) = folder();
    FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
    let before = fs::read(&path).unwrap();

    run_under("trap '' XFSZ; ulimit -f 0", &part("part_that_may_not_write", &path));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names_in(folder.path()), ["tokens.json", "tokens.json.rust-lock"]);
}

#[test]
fn part_that_may_not_write() {
    let Some(path) = part_path() else { return };
    let text = reason(FileStore::new(path).save(CLIENT, &token(2)));
    assert!(text.contains("cannot be written"), "{text}");
}

#[test]
fn a_missing_folder_is_named_and_not_made() {
    let (folder, _) = folder();
    let store = FileStore::new(folder.path().join("missing").join("tokens.json"));
    assert!(store.load(CLIENT).unwrap().is_none());
    let text = reason(store.save(CLIENT, &token(1)));
    assert!(text.contains("the folder does not exist"), "{text}");
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn deleting_what_is_not_there_is_fine_and_makes_no_file() {
    let (folder, path) = folder();
    FileStore::new(&path).delete(CLIENT).unwrap();
    assert_eq!(names_in(folder.path()), [""; 0]);
    assert!(reason(FileStore::new(&path).save("", &token(1))).contains("client ID is empty"));
}
