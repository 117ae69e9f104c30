//! Sends secrets through every request, and looks for them in all output.

use std::error::Error as _;

use authgate_core::{
    DeviceAuth, DiscoveryClient, Error, HttpClient, OAuthClient, Result, Secret, Token,
};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::log::{Log, log};
use crate::support::service::Service;

/// A secret with characters that each encoding represents in another way.
pub(crate) const CLIENT_SECRET: &str = "canary-secret %+&\"\\;";
const DEVICE_CODE: &str = "canary-device";

/// A part of every secret here, which no encoding changes.
pub(crate) const CANARY: &str = "canary";

/// Characters that reorder the text on a terminal or control it.
pub(crate) const CONTROLS: [&str; 3] = ["\u{202e}", "\u{2066}", "\u{1b}"];

/// The methods that send a secret.
const METHODS: [&str; 8] = [
    "client credentials",
    "refresh",
    "code exchange",
    "device poll",
    "revoke",
    "introspect",
    "userinfo",
    "tokeninfo",
];

struct Sender {
    server: DevServer,
    client: OAuthClient,
    device: DeviceAuth,
    token: Token,
}

impl Sender {
    async fn start() -> Self {
        let Service { server, client, .. } = Service::with_secret(CLIENT_SECRET).await;
        let code = Fault::set_member("device_code", DEVICE_CODE);
        server.inject(Endpoint::DeviceAuthorization, code, Times::Once);
        let device = client.request_device_code(&[]).await.unwrap();
        server.inject(
            Endpoint::Token,
            Fault::json(200, &tokens("canary-refresh")),
            Times::Once,
        );
        let token = client.client_credentials(&[]).await.unwrap();
        Self {
            server,
            client,
            device,
            token,
        }
    }

    /// Calls the method, and returns the endpoint that gets its secret and the outcome.
    async fn send(&self, method: &str) -> (Endpoint, Result<()>) {
        let (client, access_token) = (&self.client, Secret::from("canary-access"));
        match method {
            "client credentials" => (
                Endpoint::Token,
                client.client_credentials(&[]).await.map(drop),
            ),
            "refresh" => (
                Endpoint::Token,
                client.refresh_token(&self.token).await.map(drop),
            ),
            "code exchange" => {
                let (code, verifier) =
                    (Secret::from("canary-code"), Secret::from("canary-verifier"));
                let token = client
                    .exchange_auth_code(&code, "http://127.0.0.1/callback", &verifier)
                    .await;
                (Endpoint::Token, token.map(drop))
            }
            "device poll" => (
                Endpoint::Token,
                client.exchange_device_code(&self.device).await.map(drop),
            ),
            "revoke" => (Endpoint::Revocation, client.revoke(&access_token).await),
            "introspect" => (
                Endpoint::Introspection,
                client.introspect(&access_token).await.map(drop),
            ),
            "userinfo" => (
                Endpoint::UserInfo,
                client.userinfo(&access_token).await.map(drop),
            ),
            "tokeninfo" => (
                Endpoint::TokenInfo,
                client.token_info(&access_token).await.map(drop),
            ),
            other => unreachable!("{other}"),
        }
    }
}

fn tokens(refresh_token: &str) -> Value {
    json!({"access_token": "canary-access", "refresh_token": refresh_token, "id_token": "canary-identity"})
}

/// Returns answers that echo a request or contain a token.
fn echoes(request: &str) -> Vec<Fault> {
    let description = json!({"error": request, "error_description": request, "error_uri": request});
    let tokens = tokens("canary new\n");
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{request}\"");
    vec![
        Fault::json(400, &description),
        Fault::json(401, &description),
        Fault::json(200, &description),
        Fault::json(200, &tokens),
        Fault::json(200, &json!([tokens])),
        Fault::json(503, &description),
        Fault::body(400, "text/plain", request.to_owned()),
        Fault::body(200, "text/html", format!("<html>{request}")),
        Fault::body(500, request, request.to_owned()),
        Fault::body(
            200,
            "application/json",
            format!("{{\"access_token\":\"canary-new\",{request}"),
        ),
        Fault::status(302).with_header(
            "Location",
            &format!("https://elsewhere.example/{request}?{request}#{request}"),
        ),
        Fault::status(401).with_header("WWW-Authenticate", &challenge),
        Fault::status(429).with_header("Retry-After", request),
        Fault::Drop,
        Fault::DropAfter,
    ]
}

/// Other spellings of a text that a request had, each beside a word that is shown unless the
/// spelling is recognised.
fn spellings(request: &str) -> [String; 4] {
    let characters = request.chars().map(u32::from);
    let in_html: Vec<_> = characters.map(|number| format!("&#{number};")).collect();
    let units = request.encode_utf16();
    let in_json: Vec<_> = units.map(|unit| format!("\\u{unit:04x}")).collect();
    let in_url: Vec<_> = request.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let in_base64 = BASE64_STANDARD.encode(request);
    [
        in_html.concat(),
        in_json.concat(),
        in_url.concat(),
        in_base64,
    ]
    .map(|spelling| format!("{CANARY} {spelling}"))
}

/// Returns every text of an error.
pub(crate) fn all_texts(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let causes: Vec<_> = causes.map(|cause| format!("{cause} {cause:?}")).collect();
    format!("{error} {error:?} {error:#?} {}", causes.join(" "))
}

#[track_caller]
pub(crate) fn assert_escaped(shown: &str) {
    for control in CONTROLS {
        assert!(!shown.contains(control), "{shown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_error_shows_what_was_sent_or_what_came() {
    log();
    for method in METHODS {
        let sender = Sender::start().await;
        let (endpoint, _) = sender.send(method).await;
        let sent = sender.server.requests_at(endpoint).pop().unwrap();
        let authorization = sent.header("authorization").unwrap_or_default();
        let form = std::str::from_utf8(&sent.body).unwrap();
        let decoded: Vec<_> = sent
            .form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert!(
            format!("{authorization}{form}").contains(CANARY),
            "{method} sends a secret"
        );

        let mut echoes_of: Vec<String> = [authorization, form, &decoded.join(" ")]
            .into_iter()
            .filter(|sent| !sent.is_empty())
            .map(str::to_owned)
            .collect();
        let spelled: Vec<_> = echoes_of.iter().flat_map(|sent| spellings(sent)).collect();
        echoes_of.extend(spelled);
        for echoed in &echoes_of {
            for fault in echoes(echoed) {
                sender.server.clear_faults();
                sender.server.inject(endpoint, fault.clone(), Times::Always);
                if let (_, Err(error)) = sender.send(method).await {
                    let shown = all_texts(&error);
                    assert!(!shown.contains(CANARY), "{method} after {fault:?}: {shown}");
                }
            }
        }
    }
    Log::has_no(CANARY);
}

#[tokio::test(start_paused = true)]
async fn text_from_a_server_is_shown_escaped() {
    log();
    let hostile = CONTROLS.concat();
    let description = json!({"error": hostile, "error_description": hostile, "iss": hostile});
    for method in METHODS {
        let sender = Sender::start().await;
        let (endpoint, _) = sender.send(method).await;
        for fault in [
            Fault::json(400, &description),
            Fault::json(401, &description),
            Fault::json(503, &description),
            Fault::body(500, "text/plain", hostile.clone()),
            Fault::set_member("token_type", hostile.as_str()),
            Fault::set_member("scope", hostile.as_str()),
        ] {
            sender.server.clear_faults();
            sender.server.inject(endpoint, fault, Times::Always);
            if let (_, Err(error)) = sender.send(method).await {
                assert_escaped(&all_texts(&error));
            }
        }
    }
    let server = DevServer::start().await;
    server.set_discovery_member("issuer", format!("https://example.com/{hostile}"));
    let client = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
    assert_escaped(&all_texts(&client.fetch().await.unwrap_err()));
    for control in CONTROLS {
        Log::has_no(control);
    }
}

#[tokio::test]
async fn an_unreadable_device_code_is_not_shown() {
    log();
    let code = format!(r#""device_code":"{DEVICE_CODE}""#);
    let Service {
        server,
        client: confidential,
        ..
    } = Service::start().await;
    // This request contains no secret.
    let public = OAuthClient::new(
        "dev-cli",
        confidential.endpoints().clone(),
        HttpClient::default(),
    );
    for client in [confidential, public] {
        for body in [
            format!("{{{code},{code}}}"),
            format!("\u{feff}{{{code}}}"),
            format!("{{{code}"),
        ] {
            server.inject(
                Endpoint::DeviceAuthorization,
                Fault::body(200, "application/json", body),
                Times::Once,
            );
            let error = client.request_device_code(&[]).await.unwrap_err();
            assert!(!all_texts(&error).contains(CANARY), "{error}");
        }
    }
}
