//! Many processes of several clients on one token file.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::stores::{folder, names_in, part, part_path, python, rounds, token};
use authgate_core::store::{FileStore, TokenStore};

/// In each language.
const SAVERS: usize = 25;

/// How often each of them saves: a tenth of the rounds that are asked for.
fn saves() -> u64 {
    rounds().map_or(10, |rounds| rounds / 10)
}

#[test]
fn part_that_saves_its_own_client_many_times() {
    let Some(path) = part_path() else { return };
    let client_id = format!("rust-{}", std::process::id());
    for number in 0..saves() {
        FileStore::new(&path).save(&client_id, &token(number)).unwrap();
    }
}

/// case 137
#[test]
fn many_processes_and_the_python_client_save_at_once_and_nothing_is_lost() {
    const SCRIPT: &str = "import os, sys
from authgate.credstore import StoredToken, token_file_store
from authgate.exceptions import CredStoreError
store, client_id, saves = token_file_store(sys.argv[1]), f'python-{os.getpid()}', int(sys.argv[2])
number = 0
while number < saves:
    try:
        store.save(client_id, StoredToken(f'access-{number}', '', 'Bearer', 2000000000 + number, client_id))
        number += 1
    except CredStoreError as error:
        assert 'timeout waiting' in str(error), error";

    let (folder, path) = folder();
    fs::write(&path, r#"{"data": {"bystander": "{}"}}"#).unwrap();
    let mut savers: Vec<(String, Child)> = Vec::new();
    for _ in 0..SAVERS {
        let child = part("part_that_saves_its_own_client_many_times", &path).stdout(Stdio::null()).spawn().unwrap();
        savers.push((format!("rust-{}", child.id()), child));
    }
    let python_savers = python().map_or(0, |python| {
        for _ in 0..SAVERS {
            let child = Command::new(&python)
                .args(["-c", SCRIPT, path.to_str().unwrap(), &saves().to_string()])
                .spawn()
                .unwrap();
            savers.push((format!("python-{}", child.id()), child));
        }
        SAVERS
    });
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                let text = fs::read_to_string(&path).unwrap();
                serde_json::from_str::<serde_json::Value>(&text).expect("a whole file at any moment");
            }
        });
        let ended: Vec<bool> = savers.iter_mut().map(|(_, child)| child.wait().unwrap().success()).collect();
        is_done.store(true, Ordering::SeqCst);
        assert!(ended.into_iter().all(|success| success));
    });

    let store = FileStore::new(&path);
    let last = saves() - 1;
    for (client_id, _) in &savers {
        let token = store.load(client_id).unwrap().unwrap_or_else(|| panic!("{client_id} is lost"));
        assert_eq!(token.access_token.expose(), format!("access-{last}"));
    }
    let file: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(file["data"].as_object().unwrap().len(), SAVERS + python_savers + 1);
    assert_eq!(names_in(folder.path()), ["tokens.json", "tokens.json.rust-lock"]);
}
