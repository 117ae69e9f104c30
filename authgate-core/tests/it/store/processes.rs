//! Many processes of several clients on one token file.

use std::collections::HashMap;
use std::fs::File;

use authgate_core::test_util::TokenStore;
use authgate_test_support::{Home, python, rounds};
use tokio::process::{Child, Command};
use tokio::task::yield_now;

use crate::support::store_process;
use crate::support::stores::file_in;

/// The number of savers in each language.
const SAVERS: u64 = 25;

/// Returns how often each of them saves. Together, the savers of one language save once a round.
fn saves() -> u64 {
    rounds(250) / SAVERS
}

#[tokio::test]
async fn processes_that_save_at_once_lose_nothing() {
    save_at_once(|_| Vec::new()).await;
}

#[tokio::test]
#[ignore = "needs Python with go-authgate: run with --include-ignored"]
async fn processes_of_python_and_ours_lose_nothing() {
    save_at_once(|home| {
        (0..SAVERS)
            .map(|number| python_saver(home, &format!("python-{number}")))
            .collect()
    })
    .await;
}

fn python_saver(home: &Home, client_id: &str) -> Child {
    const SCRIPT: &str = "
from authgate.exceptions import CredStoreError
store, client_id, saves = token_file_store(sys.argv[1]), sys.argv[2], int(sys.argv[3])
number = 0
while number < saves:
    try:
        store.save(client_id, StoredToken(f'access-{number}', '', 'Bearer', 2000000000 + number, client_id))
        number += 1
    except CredStoreError as error:
        assert 'timeout waiting' in str(error), error";
    let script = python::script(
        SCRIPT,
        &[
            home.file("").to_str().unwrap(),
            client_id,
            &saves().to_string(),
        ],
    );
    Command::from(script).kill_on_drop(true).spawn().unwrap()
}

/// Lets our processes and those of another client save at once, each its own login, and checks that
/// all logins are there.
async fn save_at_once(others: impl Fn(&Home) -> Vec<Child>) {
    let home = Home::new();
    home.replace(r#"{"data": {"bystander": "{}"}}"#);
    let orders: Vec<_> = (0..saves())
        .map(|number| format!("save {number}\n"))
        .collect();
    let orders = home.place("orders", orders.concat());
    let ours = (0..SAVERS).map(|number| {
        let client_id = format!("rust-{number}");
        let run = store_process::run(&home, "file").with("CLIENT_ID", &client_id);
        (client_id, run.stdin(File::open(&orders).unwrap()).start())
    });
    let (ours, others): (Vec<_>, _) = (ours.collect(), others(&home));
    let (savers, is_alone) = (ours.len() + others.len(), others.is_empty());

    let saving = async {
        let mut last_saved = HashMap::new();
        for (client_id, saver) in ours {
            let ended = saver.end().await;
            let answers: Vec<_> = ended.stdout.lines().collect();
            assert_eq!(answers.len() as u64, saves(), "{ended:?}");
            // We give up on the other client's lock after 5 s, as that client does on ours.
            let is_right = |answer: &str| {
                answer == "saved" || (!is_alone && answer.contains("is held by another program"))
            };
            assert!(answers.iter().all(|answer| is_right(answer)), "{ended:?}");
            last_saved.insert(
                client_id,
                answers
                    .iter()
                    .rposition(|answer| *answer == "saved")
                    .unwrap() as u64,
            );
        }
        for mut saver in others {
            assert!(saver.wait().await.unwrap().success());
        }
        last_saved
    };
    let reading = async {
        loop {
            home.document().expect("a whole file at any moment");
            yield_now().await;
        }
    };
    let last_saved =
        tokio::select! { last_saved = saving => last_saved, () = reading => unreachable!() };

    let document = home.document().unwrap();
    let client_ids = document["data"].as_object().unwrap().keys();
    assert_eq!(client_ids.len(), savers + 1);
    for client_id in client_ids.filter(|client_id| *client_id != "bystander") {
        let token = file_in(&home).load(client_id).unwrap().unwrap();
        let last = last_saved.get(client_id).copied().unwrap_or(saves() - 1);
        assert_eq!(
            token.access_token.expose(),
            format!("access-{last}"),
            "{client_id}"
        );
    }
    assert_eq!(home.leftovers(), ["orders"]);
}
