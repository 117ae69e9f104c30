//! The token file.

use std::fs;

use authgate_core::Secret;
use authgate_core::test_util::{FileStore, Notices, StoredToken, TokenStore};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::tz::offset;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::for_any;
use crate::invariants::token_file::check;
use crate::support::stores::UnderLock;

const LARGEST_WHOLE_NUMBER: u64 = (1 << 53) - 1;
/// The end of the year 9998, so that in no time zone the date is beyond the last possible year.
const LAST_DATE: i64 = 253_370_764_799;

/// Generates a JSON text in any notation, with numbers, escapes and spaces that a serializer would
/// write differently.
fn foreign() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(
            &[
                "null",
                "1.0",
                "1e3",
                "-0",
                "12345678901234567890",
                r#""\u00e9\/""#,
                "[ 1,2 ]",
                "{ }",
                "\"é\""
            ][..]
        )
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| json!(text).to_string()),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        vec((name(), inner), 0..3).prop_map(|members| object(&members))
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        select(
            &[
                r#""client-2""#,
                r#""tokens""#,
                r#""caf\u00e9""#,
                r#""client\u002d2""#,
                r#""""#
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-z]{1,6}".prop_map(|name| format!("\"{name}\"")),
    ]
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name} :{value}"))
        .collect();
    format!("{{{}}}", members.join(" ,"))
}

/// Generates a file that other programs, and perhaps this one, have written.
fn shared() -> impl Strategy<Value = String> {
    (vec((name(), foreign()), 0..4), part(), option::of(part())).prop_map(
        |(mut members, data, records)| {
            members.push((r#""data""#.to_owned(), data));
            members.extend(records.map(|records| (r#""authgate-rust""#.to_owned(), records)));
            object(&members)
        },
    )
}

/// Generates the entries of several clients.
fn part() -> impl Strategy<Value = String> {
    (vec((name(), foreign()), 0..4), option::of(foreign())).prop_map(|(mut members, own)| {
        members.extend(own.map(|own| (r#""client-1""#.to_owned(), own)));
        object(&members)
    })
}

fn secret() -> impl Strategy<Value = Option<Secret>> {
    option::of("\\PC{1,20}").prop_map(|text| text.map(Secret::from))
}

fn token() -> impl Strategy<Value = StoredToken> {
    let text = || option::of("\\PC{1,20}");
    let type_in_any_case = select(&["Bearer", "bearer", "BEARER"][..]);
    (
        "[!-~]{1,60}",
        secret(),
        type_in_any_case,
        option::of(1..=LARGEST_WHOLE_NUMBER),
        text(),
        text(),
        secret(),
        option::of(1..=LARGEST_WHOLE_NUMBER),
    )
        .prop_map(
            |(
                access_token,
                refresh_token,
                token_type,
                expires_at,
                issuer,
                scope,
                id_token,
                logged_in_at,
            )| {
                let mut token = StoredToken::new(Secret::from(access_token));
                token.refresh_token = refresh_token;
                token_type.clone_into(&mut token.token_type);
                token.expires_at = expires_at;
                token.issuer = issuer;
                token.scope = scope;
                token.id_token = id_token;
                token.logged_in_at = logged_in_at;
                token
            },
        )
}

/// Reads the token that another client has stored in the file.
fn read(entry: &Value) -> StoredToken {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tokens.json");
    fs::write(
        &path,
        json!({"data": {"client-1": entry.to_string()}}).to_string(),
    )
    .unwrap();
    FileStore::new(path, Notices::default())
        .load("client-1")
        .unwrap()
        .unwrap()
}

#[test]
fn a_token_is_saved_and_foreign_entries_stay() {
    for_any(128, shared(), |content| {
        check(content.as_bytes(), TempDir::new().unwrap().path());
    });
}

#[test]
fn a_file_of_any_bytes_is_no_obstacle() {
    for_any(128, vec(any::<u8>(), 0..100), |content| {
        check(&content, TempDir::new().unwrap().path());
    });
}

#[test]
fn a_saved_token_is_read_back_unchanged() {
    for_any(128, (token(), "\\PC{1,20}"), |(token, client_id)| {
        let folder = TempDir::new().unwrap();
        let store = FileStore::new(folder.path().join("tokens.json"), Notices::default());
        store.save(&client_id, &token).unwrap();
        assert_eq!(store.load(&client_id).unwrap(), Some(token));
    });
}

#[test]
fn a_foreign_tokens_issuer_is_the_one_its_payload_names() {
    let named = foreign().prop_map(|issuer| format!(r#"{{"sub":1,"iss":{issuer}}}"#).into_bytes());
    let payload = prop_oneof![named, vec(any::<u8>(), 0..40)];
    for_any(128, (payload, "={0,2}"), |(payload, padding)| {
        let claims: Option<Value> = serde_json::from_slice(&payload).ok();
        let issuer = claims
            .as_ref()
            .and_then(|claims| claims.get("iss")?.as_str());
        let jwt = format!(
            "e30.{}{padding}.c2ln",
            BASE64_URL_SAFE_NO_PAD.encode(&payload)
        );
        assert_eq!(
            read(&json!({"access_token": jwt})).issuer.as_deref(),
            issuer
        );
    });
}

#[test]
fn each_clients_notation_of_a_date_is_the_same_date() {
    for_any(
        128,
        (1..LAST_DATE, 0..1_000_000_000_i32, -12_i8..=14),
        |(seconds, nanoseconds, hours)| {
            let date = Timestamp::new(seconds, nanoseconds).unwrap();
            let bash = json!(seconds.to_string());
            let python = json!(date.as_duration().as_secs_f64());
            let go = json!(date.display_with_offset(offset(hours)).to_string());
            let utc = json!(date.to_string());
            for expires_at in [json!(seconds), bash, go, utc, python] {
                let read = read(&json!({"access_token": "a", "expires_at": expires_at}))
                    .expires_at
                    .unwrap();
                // Python's fraction may be so near to the next second that it is rounded up.
                assert!(
                    read.abs_diff(seconds.unsigned_abs()) <= u64::from(expires_at.is_f64()),
                    "{expires_at}"
                );
            }
        },
    );
}
