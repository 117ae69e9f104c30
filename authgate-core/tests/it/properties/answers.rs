//! A server's answers, over real sockets.

use std::time::{Duration, SystemTime};

use authgate_core::test_util::{Moment, StoredToken};
use authgate_core::{DiscoveryClient, HttpClient, OAuthClient, Secret};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::invariants::answers::{
    ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, check_device, check_error, check_introspection,
    check_metadata, check_token,
};
use crate::support::service::Service;

/// The statuses after which the client does not try again, because a retry would take time.
const STATUSES: [u16; 10] = [200, 200, 200, 201, 307, 400, 401, 403, 404, 500];
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

fn text() -> impl Strategy<Value = String> {
    const KNOWN: &str =
        "|Bearer|mac|invalid_grant|slow_down|5| 5.5 |-1|nan|1e999|https://a.example/x|ABCD-EFGH";
    prop_oneof![
        4 => select(KNOWN.split('|').collect::<Vec<_>>()).prop_map(str::to_owned),
        2 => secret().prop_map(|secret| format!("<{secret}>")),
        2 => any::<String>(),
        1 => "[!-~]{1,400}",
    ]
}

/// Generates a number of seconds, valid or not.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..100_000).prop_map(Value::from),
        (-100.0..1e6).prop_map(|seconds: f64| json!(seconds.to_string())),
        select(vec![json!(0), json!(u64::MAX), json!(1e300)]),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        5 => text().prop_map(Value::from),
        3 => number(),
        1 => select(vec![json!(null), json!(true)]),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            hash_map(any::<String>(), inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

/// Generates a text that resembles the address of an endpoint or a page.
fn address() -> impl Strategy<Value = Value> {
    const KNOWN: &[&str] = &[
        "https://a.example/x?a=b",
        "https://a.example/#x",
        "https://u:p@a.example/",
        "http://127.0.0.1/x",
        "http://evil.example/",
        "javascript:alert(1)",
        "https://\u{43e}\u{200b}.example/\u{1b}",
    ];
    prop_oneof![2 => select(KNOWN).prop_map(Value::from), 1 => value()]
}

fn split(names: &'static str) -> Vec<&'static str> {
    names.split(' ').collect()
}

/// Generates an answer with these members, some missing and all with any value; or any bytes.
fn answer(names: &'static str) -> impl Strategy<Value = Fault> {
    let names = split(names);
    let object = hash_map(select(names.clone()), value(), 0..=names.len())
        .prop_map(|members| json!(members).to_string());
    let body = prop_oneof![
        6 => object.prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..300),
        1 => text().prop_map(String::into_bytes),
    ];
    let header = || prop_oneof![4 => Just(String::new()), 1 => "[ -~]{0,40}", 1 => echo()];
    (select(&STATUSES[..]), header(), header(), header(), body).prop_map(
        |(status, content_type, challenge, to, body)| {
            Fault::body(status, &content_type, body)
                .with_header("WWW-Authenticate", &format!("Bearer error=\"{challenge}\""))
                .with_header("Location", &to)
        },
    )
}

fn secret() -> impl Strategy<Value = &'static str> {
    select(&[ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN][..])
}

/// A secret with a character for every rule of every encoding.
const ODD_SECRET: &str = "canary+/ =%2f&amp;\"\\n\u{e9}\u{1f600}<s>'";

/// How a server may write a secret into an answer.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Url,
    Form,
    Json,
    Html,
    Base64,
    Base64Url,
}

impl Encoding {
    /// Writes a text so; of the characters that need no escape, those have one that `choose` names.
    fn write(self, text: &str, choose: &mut dyn FnMut() -> bool) -> String {
        match self {
            Self::Url | Self::Form => text.bytes().map(|byte| self.byte(byte, choose)).collect(),
            Self::Json | Self::Html => text
                .chars()
                .map(|character| self.character(character, choose))
                .collect(),
            Self::Base64 => BASE64_STANDARD.encode(text),
            Self::Base64Url => BASE64_URL_SAFE_NO_PAD.encode(text),
        }
    }

    fn byte(self, byte: u8, choose: &mut dyn FnMut() -> bool) -> String {
        match byte {
            b' ' if matches!(self, Self::Form) && choose() => "+".to_owned(),
            b'a'..=b'z' | b'/' | b'=' if choose() => char::from(byte).to_string(),
            _ if choose() => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        }
    }

    fn character(self, character: char, choose: &mut dyn FnMut() -> bool) -> String {
        let number = u32::from(character);
        match (self, character) {
            (Self::Json, '"' | '\\' | '/') if choose() => format!("\\{character}"),
            (Self::Json, _) if choose() || "\"\\".contains(character) => {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units).iter();
                let escapes: Vec<_> = units.map(|unit| format!("\\u{unit:04x}")).collect();
                escapes.concat()
            }
            (Self::Html, '&') if choose() => "&amp;".to_owned(),
            (Self::Html, '"') if choose() => "&quot;".to_owned(),
            (Self::Html, '<') if choose() => "&lt;".to_owned(),
            (Self::Html, _) if choose() => format!("&#{number};"),
            (Self::Html, _) if choose() || "&\"<".contains(character) => format!("&#x{number:X};"),
            _ => character.to_string(),
        }
    }
}

/// The secret as it looks after up to three encodings, each of text before and after it too.
fn encoded_secret() -> impl Strategy<Value = String> {
    use Encoding::{Base64, Base64Url, Form, Html, Json, Url};

    let encoding = select(&[Url, Form, Json, Html, Base64, Base64Url][..]);
    // A `%`, `\` or `&` that is not encoded itself would take what follows for its escape.
    let beside = || "[ -$'-\\[\\]-~]{0,5}";
    let layer = (encoding, beside(), beside());
    (vec(layer, 0..=3), vec(any::<bool>(), 97)).prop_map(|(layers, choices)| {
        let mut choices = choices.into_iter().cycle();
        let mut choose = || choices.next().unwrap();
        let secret = ODD_SECRET.to_owned();
        layers
            .into_iter()
            .fold(secret, |text, (encoding, before, after)| {
                encoding.write(&format!("{before}{text}{after}"), &mut choose)
            })
    })
}

/// Generates a header that echoes the request.
fn echo() -> impl Strategy<Value = String> {
    const AROUND: &[&str] = &[
        "https://{}.example/",
        "//{}",
        "/x?{}",
        "text/{}",
        "Bearer {}",
        "{}",
        "Basic {}\", error=\"{}",
    ];
    (select(AROUND), secret()).prop_map(|(around, secret)| around.replace("{}", secret))
}

/// A server with scripted answers, and its client.
struct Conversation {
    runtime: Runtime,
    server: DevServer,
    client: OAuthClient,
}

impl Conversation {
    /// Sends a request to `endpoint`, which gives this answer.
    fn ask<T>(
        &self,
        endpoint: Endpoint,
        answer: Fault,
        question: impl AsyncFnOnce(&OAuthClient) -> T,
    ) -> T {
        self.server.clear_faults();
        self.server.inject(endpoint, answer, Times::Always);
        self.runtime.block_on(question(&self.client))
    }
}

/// Checks `property` with random answers.
fn for_any<S: Strategy>(answers: S, property: impl Fn(&Conversation, S::Value)) {
    for_any_after(CLIENT_SECRET, answers, property);
}

/// The same where requests carry this secret.
fn for_any_after<S: Strategy>(
    client_secret: &str,
    answers: S,
    property: impl Fn(&Conversation, S::Value),
) {
    let runtime = super::runtime();
    let Service { server, client, .. } = runtime.block_on(Service::with_secret(client_secret));
    let conversation = Conversation {
        runtime,
        server,
        client,
    };
    super::for_any(200, answers, |answer| property(&conversation, answer));
}

/// Refreshes a token, and checks that the request is sent once, whatever the answer.
async fn refresh(client: &OAuthClient) -> authgate_core::Result<authgate_core::Token> {
    let mut stored = StoredToken::new(Secret::from(ACCESS_TOKEN));
    stored.refresh_token = Some(Secret::from(REFRESH_TOKEN));
    let token = stored.into_token(Moment::after_start(Duration::ZERO), SystemTime::UNIX_EPOCH);
    client.refresh_token(&token).await
}

#[test]
fn any_token_answer_is_a_usable_token_or_a_harmless_error() {
    let names =
        "access_token token_type expires_in refresh_token scope id_token error error_description";
    for_any(answer(names), |conversation, answer| {
        check_token(
            &conversation.ask(Endpoint::Token, answer, refresh),
            &[CLIENT_SECRET, REFRESH_TOKEN],
        );
    });
}

#[test]
fn an_answer_with_a_secret_in_any_encoding_is_not_shown() {
    const BESIDE_IT: &str = "beside-it";

    let answers = (encoded_secret(), 0..5).prop_map(|(secret, place)| {
        let text = format!("{BESIDE_IT} {secret} {BESIDE_IT}");
        let challenge = format!("Bearer error=\"{BESIDE_IT}\"");
        match place {
            0 => Fault::json(400, &json!({"error": BESIDE_IT, "error_description": text})),
            1 => Fault::json(
                400,
                &json!({"error": BESIDE_IT, "more": {"request": [text]}}),
            ),
            2 => Fault::json(400, &json!({"error": text})),
            3 => Fault::body(400, BESIDE_IT, text),
            _ => Fault::body(401, BESIDE_IT, text).with_header("WWW-Authenticate", &challenge),
        }
    });
    for_any_after(ODD_SECRET, answers, |conversation, answer| {
        let error = conversation
            .ask(Endpoint::Token, answer, refresh)
            .unwrap_err();
        check_error(&error, &[BESIDE_IT, "canary"]);
    });
}

#[test]
fn any_lifetime_is_read_as_a_harmless_number_of_seconds() {
    for_any(
        prop_oneof![number(), value()],
        |conversation, expires_in| {
            let answer = Fault::json(200, &json!({"access_token": "a", "expires_in": expires_in}));
            let token = conversation.ask(Endpoint::Token, answer, refresh).unwrap();
            assert_eq!(token.lifetime.is_none(), expires_in.is_null());
            assert!(
                token.lifetime.is_none_or(|lifetime| lifetime <= TEN_YEARS),
                "{token:?}"
            );
            if let Some(seconds @ 0..300_000_000) = expires_in.as_u64() {
                assert_eq!(token.lifetime, Some(Duration::from_secs(seconds)));
            }
        },
    );
}

#[test]
fn any_discovery_document_is_safe_for_secrets_or_refused() {
    let names =
        "issuer token_endpoint authorization_endpoint userinfo_endpoint introspection_endpoint";
    let documents = (answer(names), select(split(names)[1..].to_vec()), address());
    for_any(documents, |conversation, (answer, name, address)| {
        let issuer = conversation.server.url();
        let mut document =
            json!({"issuer": issuer, "token_endpoint": "https://auth.example.com/token"});
        document[name] = address;
        for answer in [answer, Fault::json(200, &document)] {
            let metadata =
                conversation.ask(Endpoint::Discovery, answer, async |_: &OAuthClient| {
                    DiscoveryClient::new(issuer, HttpClient::default())
                        .unwrap()
                        .fetch()
                        .await
                });
            check_metadata(&metadata, issuer);
        }
    });
}

#[test]
fn any_description_of_a_token_is_read_or_a_harmless_error() {
    let names = "active sub name email_verified updated_at exp error error_description";
    for_any(answer(names), |conversation, answer| {
        let token = Secret::from(ACCESS_TOKEN);
        let user_info = conversation.ask(
            Endpoint::UserInfo,
            answer.clone(),
            async |client: &OAuthClient| client.userinfo(&token).await,
        );
        let token_info = conversation.ask(
            Endpoint::TokenInfo,
            answer.clone(),
            async |client: &OAuthClient| client.token_info(&token).await,
        );
        for error in [user_info.err(), token_info.err()].into_iter().flatten() {
            check_error(&error, &[ACCESS_TOKEN]);
        }
        let introspection = conversation.ask(
            Endpoint::Introspection,
            answer,
            async |client: &OAuthClient| client.introspect(&token).await,
        );
        check_introspection(&introspection);
    });
}

#[test]
fn any_device_authorization_can_be_shown_or_is_refused() {
    let names = "error device_code user_code verification_uri verification_uri_complete expires_in interval";
    let odd = prop_oneof![
        "[ -~]{0,60}".prop_map(|user_code| ("user_code", json!(user_code))),
        (
            select(&["verification_uri", "verification_uri_complete"][..]),
            address()
        ),
        (select(&["expires_in", "interval"][..]), number()),
        (select(split(names)[1..].to_vec()), value()),
    ];
    for_any(
        (answer(names), odd),
        |conversation, (answer, (name, value))| {
            let mut nearly = json!({
                "device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://a.example/device",
            });
            nearly[name] = value;
            for answer in [answer, Fault::json(200, &nearly)] {
                let device = conversation.ask(
                    Endpoint::DeviceAuthorization,
                    answer,
                    async |client: &OAuthClient| client.request_device_code(&[]).await,
                );
                check_device(&device);
            }
        },
    );
}

#[test]
fn any_wait_that_a_server_asks_for_has_an_end() {
    let date = "(Sun, 06 Nov 1994 08:49:37 GMT|Fri, 31 Dec 9999 23:59:59 GMT|Thu, 01 Jan 1970 00:00:00 GMT)";
    let wait = || {
        prop_oneof![
            "[0-9]{1,25}",
            "-?[0-9]{1,3}(\\.[0-9])?",
            "[ -~]{0,20}",
            date
        ]
    };
    for_any(
        (wait(), wait(), wait(), any::<bool>()),
        |conversation, (after, reset, date, limited)| {
            let seconds: Option<u64> = after.trim().parse().ok();
            let status = if limited { 429 } else { 503 };
            let answer = Fault::json(status, &json!({"error": "slow_down", "interval": after}))
                .with_header("Retry-After", &after)
                .with_header("X-RateLimit-Reset", &reset)
                .with_header("Date", &date);
            let error = conversation
                .ask(Endpoint::Token, answer, refresh)
                .unwrap_err();
            check_error(&error, &[CLIENT_SECRET, REFRESH_TOKEN]);
            if let Some(seconds @ 1..86_400) = seconds {
                assert!(
                    error.retry_after().unwrap() >= Duration::from_secs(seconds),
                    "{error:?}"
                );
            }
        },
    );
}
