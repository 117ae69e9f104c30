//! HTTP requests by hand, which return every byte of the answer.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Position, Url, form_urlencoded};

use crate::LIMIT;

pub type Pairs<'a> = &'a [(&'a str, &'a str)];

/// An HTTP answer, read to the end of its connection.
#[derive(Debug)]
pub struct Answer {
    /// The status; 0 if the answer is not HTTP.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes after the headers, unchanged.
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub fn text(&self, member: &str) -> String {
        self.json()[member]
            .as_str()
            .unwrap_or_else(|| panic!("no {member} in {self:?}"))
            .to_owned()
    }

    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.text("error"))
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .unwrap_or_default();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: body.to_owned(),
        }
    }
}

pub async fn get(url: &str) -> Answer {
    get_with(url, &[]).await
}

pub async fn get_with(url: &str, headers: Pairs<'_>) -> Answer {
    send(&address(url), &request("GET", url, headers, "")).await
}

pub async fn post(url: &str, headers: Pairs<'_>, form: Pairs<'_>) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let headers = [
        &[("content-type", "application/x-www-form-urlencoded")],
        headers,
    ]
    .concat();
    send(&address(url), &request("POST", url, &headers, &body)).await
}

pub async fn send(address: &str, request: &str) -> Answer {
    Answer::from(
        converse(TcpStream::connect(address).await.unwrap(), request)
            .await
            .as_str(),
    )
}

pub async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    timeout(LIMIT * 2, converse_at_length(stream, request))
        .await
        .expect("an answer comes at all")
}

/// Sends these bytes and returns every byte of the answer, without a time limit, because one would
/// end at once in a test with paused time.
pub async fn converse_at_length(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> String {
    // Ignore an error: the server may answer and close before it has read everything.
    let _written = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    // Ignore an error: after a reset, no more bytes arrive.
    let _end = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Builds a request that asks the server to close the connection afterwards.
pub fn request(method: &str, url: &str, headers: Pairs<'_>, body: &str) -> String {
    let parsed = Url::parse(url).unwrap();
    let target = &parsed[Position::BeforePath..Position::AfterQuery];
    let headers: String = headers
        .iter()
        .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
        .collect();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        address(url),
        body.len(),
    )
}

pub fn address(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    format!(
        "{}:{}",
        url.host_str().unwrap(),
        url.port_or_known_default().unwrap()
    )
}
