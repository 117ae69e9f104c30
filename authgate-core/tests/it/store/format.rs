//! The format of the token file: we write it as AuthGate's other clients read it, and read it as
//! they write it.

use std::process::Command;
use std::time::{Duration, SystemTime};

use authgate_core::Secret;
use authgate_core::test_util::{Moment, StoredToken, TokenStore};
use authgate_test_support::{Home, python};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::stores::{CLIENT, ISSUER, UnderLock, file_in, file_with, token};

fn jwt(issuer: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(json!({"iss": issuer}).to_string());
    format!(
        "{}.{claims}.c2lnbmF0dXJl",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#)
    )
}

/// Reads the token from a file with this entry.
fn read(entry: &str) -> Option<StoredToken> {
    let home = Home::new();
    home.replace(&file_with(CLIENT, entry));
    file_in(&home).load(CLIENT).unwrap()
}

fn expires_at(json: &str) -> Option<u64> {
    read(&format!(r#"{{"access_token": "a", "expires_at": {json}}}"#))
        .unwrap()
        .expires_at
}

/// Returns the parsed entry after `token(1)` has replaced `before`.
fn entry_after_save(before: &str) -> Value {
    let home = Home::new();
    home.replace(&file_with(CLIENT, before));
    file_in(&home).save(CLIENT, &token(1)).unwrap();
    serde_json::from_str(home.document().unwrap()["data"][CLIENT].as_str().unwrap()).unwrap()
}

#[test]
fn a_token_is_read_back_as_it_was_saved() {
    let home = Home::new();
    let store = file_in(&home);
    let mut nothing_known = StoredToken::new(Secret::from("access"));
    nothing_known.expires_at = None;
    for token in [token(1), nothing_known] {
        store.save(CLIENT, &token).unwrap();
        assert_eq!(store.load(CLIENT).unwrap(), Some(token));
    }
}

#[test]
fn every_notation_of_the_expiry_is_read() {
    for same in [
        "1800000000",
        "1800000000.75",
        "1.8e9",
        r#""1800000000""#,
        r#""2027-01-15T08:00:00Z""#,
        r#""2027-01-15T09:00:00.123456789+01:00""#,
    ] {
        assert_eq!(expires_at(same), Some(1_800_000_000), "{same}");
    }
    for unknown in [
        "0",
        "0.0",
        "null",
        r#""""#,
        r#""soon""#,
        "-5",
        "true",
        "{}",
        r#""0001-01-01T00:00:00Z""#,
    ] {
        assert_eq!(expires_at(unknown), None, "{unknown}");
    }
    assert_eq!(expires_at("1e300"), Some((1 << 53) - 1));
    assert_eq!(expires_at(r#""inf""#), Some((1 << 53) - 1));
}

#[test]
fn the_eight_keys_of_the_bash_client_are_read_and_five_written() {
    let bash = r#"{"access_token": "a", "refresh_token": "", "token_type": "Bearer", "expires_in": "3600",
        "expires_at": "1800000000", "scope": "openid", "id_token": "i", "client_id": "client-1"}"#;
    let token = read(bash).unwrap();
    assert_eq!(token.refresh_token, None);
    assert_eq!(
        (token.expires_at, token.scope.as_deref()),
        (Some(1_800_000_000), Some("openid"))
    );
    assert_eq!(token.id_token, Some(Secret::from("i")));
    let five = json!({
        "access_token": "access-1", "refresh_token": "refresh-1", "token_type": "Bearer",
        "expires_at": 2_000_000_001, "client_id": CLIENT,
    });
    assert_eq!(
        [entry_after_save("{}"), entry_after_save(bash)],
        [five.clone(), five]
    );
}

#[test]
fn an_entry_of_the_go_client_stays_one_that_it_can_read() {
    let five = r#""access_token": "a", "refresh_token": "r", "token_type": "Bearer", "client_id": "client-1""#;
    let go = entry_after_save(&format!(
        r#"{{{five}, "expires_at": "2027-01-15T08:00:00Z", "scope": "s", "id_token": "i"}}"#
    ));
    assert_eq!(go["expires_at"], "2033-05-18T03:33:21Z");
    assert_eq!(
        (&go["scope"], &go["id_token"]),
        (&json!("openid profile"), &json!("id-token"))
    );
    let without = entry_after_save(&format!(
        r#"{{{five}, "expires_at": "0001-01-01T00:00:00Z"}}"#
    ));
    assert_eq!(without.as_object().unwrap().len(), 5);
    assert_eq!(without["expires_at"], "2033-05-18T03:33:21Z");
}

#[test]
fn an_entry_that_makes_no_sense_is_no_token() {
    let deep = "[".repeat(100_000);
    let mac = r#"{"access_token": "a", "token_type": "mac"}"#;
    let header = r#"{"access_token": "a\r\nb"}"#;
    for entry in [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "text",
        r#"{"access_token": ""}"#,
        r#"{"access_token": 5}"#,
        &deep,
        mac,
        header,
    ] {
        assert_eq!(read(entry), None, "{entry:.40}");
    }
}

#[test]
fn without_a_record_the_issuer_is_that_of_the_jwt() {
    let entry = |access_token: &str| json!({"access_token": access_token}).to_string();
    assert_eq!(
        read(&entry(&jwt(ISSUER))).unwrap().issuer.as_deref(),
        Some(ISSUER)
    );
    assert_eq!(read(&entry("opaque")).unwrap().issuer, None);
    assert_eq!(read(&entry("a.!!!.b")).unwrap().issuer, None);
}

#[test]
fn a_record_counts_only_for_the_token_that_it_was_written_with() {
    let home = Home::new();
    let store = file_in(&home);
    store.save(CLIENT, &token(1)).unwrap();
    assert_eq!(
        store.load(CLIENT).unwrap().unwrap().issuer.as_deref(),
        Some(ISSUER)
    );

    // Another client, which ignores the record, logs in at another server.
    home.replace(
        &home
            .text()
            .unwrap()
            .replace("access-1", &jwt("https://other.example.com")),
    );
    let token = store.load(CLIENT).unwrap().unwrap();
    assert_eq!(token.issuer.as_deref(), Some("https://other.example.com"));
    assert_eq!((token.scope, token.id_token), (None, None));
}

#[test]
fn a_token_survives_the_way_through_another_run_and_its_clock() {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
    let mut stored = token(1);
    stored.expires_at = Some(1_800_000_100);

    let in_use = stored.clone().into_token(at(7), wall);
    assert_eq!(in_use.lifetime, Some(Duration::from_secs(100)));
    // 40 s later, in the same run.
    let saved = StoredToken::from_token(&in_use, ISSUER, at(47), wall + Duration::from_secs(40));
    assert_eq!(saved, stored);
    // An hour later, in another run.
    let expired = stored
        .clone()
        .into_token(at(1), wall + Duration::from_secs(3600));
    assert_eq!(expired.lifetime, Some(Duration::ZERO));

    stored.expires_at = None;
    let mut endless = stored.into_token(at(7), wall);
    assert_eq!(endless.lifetime, None);
    // No lifetime is too long to be stored.
    endless.lifetime = Some(Duration::MAX);
    assert_eq!(
        StoredToken::from_token(&endless, ISSUER, at(7), wall).expires_at,
        Some((1 << 53) - 1)
    );
}

#[test]
fn debug_output_shows_no_token() {
    let shown = format!("{:?}", token(1));
    assert!(
        !shown.contains("access-1") && !shown.contains("refresh-1") && !shown.contains("id-token"),
        "{shown}"
    );
}

#[test]
#[ignore = "needs Python with go-authgate: run with --include-ignored"]
fn we_and_python_read_each_others_tokens() {
    let home = Home::new();
    let store = file_in(&home);
    store.save(CLIENT, &token(1)).unwrap();
    store.save("another", &token(2)).unwrap();

    let script = "store = token_file_store(sys.argv[1])
token = store.load('client-1')
assert token == StoredToken('access-1', 'refresh-1', 'Bearer', 2000000001, 'client-1'), token
assert token.is_valid()
store.save('client-1', StoredToken('from-python', '', 'Bearer', 2000000003.5, 'client-1'))";
    python::run(script, &[home.file("").to_str().unwrap()]);

    let token = store.load(CLIENT).unwrap().unwrap();
    assert_eq!(token.access_token.expose(), "from-python");
    assert_eq!(
        (token.refresh_token, token.expires_at, token.issuer),
        (None, Some(2_000_000_003), None)
    );
    assert_eq!(
        store
            .load("another")
            .unwrap()
            .unwrap()
            .access_token
            .expose(),
        "access-2"
    );
}

#[test]
#[ignore = "needs jq: run with --include-ignored"]
fn jq_reads_our_tokens() {
    let home = Home::new();
    file_in(&home).save(CLIENT, &token(1)).unwrap();
    let filter = r#".data[$c] | fromjson | "\(.access_token) \(.expires_at) \(keys | length)""#;
    let output = Command::new("jq")
        .args(["-r", "--arg", "c", CLIENT, filter])
        .arg(home.file(""))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "access-1 2000000001 5"
    );
}
