//! An HTTP/1.1 client that hides nothing: one request a connection, the answer as it came.

use authgate_dev_server::DevServer;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use url::form_urlencoded;

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 transformation of [`VERIFIER`] (RFC 7636 appendix B).
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:8088/callback";

type Pairs<'a> = &'a [(&'a str, &'a str)];

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }

    /// Status and error code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.text("error"))
    }
}

pub(crate) async fn get(server: &DevServer, path: &str, headers: Pairs<'_>) -> Answer {
    parse(&exchange(server, "GET", path, headers, "").await)
}

pub(crate) async fn post(server: &DevServer, path: &str, headers: Pairs<'_>, form: Pairs<'_>) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    parse(&exchange(server, "POST", path, &all, &body).await)
}

pub(crate) async fn token(server: &DevServer, form: Pairs<'_>) -> Answer {
    post(server, "/oauth/token", &[], form).await
}

pub(crate) async fn with_bearer(server: &DevServer, path: &str, token: &str) -> Answer {
    get(server, path, &[("authorization", &format!("Bearer {token}"))]).await
}

/// Sends one request and returns every byte that comes back.
pub(crate) async fn exchange(server: &DevServer, method: &str, path: &str, headers: Pairs<'_>, body: &str) -> String {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    converse(stream, &request(server, method, path, headers, body)).await
}

/// Says this and returns every byte that comes back.
pub(crate) async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has said all that it will say.
    let _end = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

pub(crate) fn request(server: &DevServer, method: &str, path: &str, headers: Pairs<'_>, body: &str) -> String {
    let headers: String = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        server.address(),
        body.len(),
    )
}

fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status,
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}

/// `Basic` with these two exactly as given.
pub(crate) fn basic(client_id: &str, client_secret: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}")))
}
