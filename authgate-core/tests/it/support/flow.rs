//! What the tests of the login flows share: a person, a browser, and raw requests.

use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use authgate_core::client::AuthorizationUrl;
use authgate_core::flow::{
    AuthCodeOptions, Browser, DevicePrompt, Login, Notice, Opening, Prompt, RedirectUri, run_auth_code_flow,
};
use authgate_core::{DiscoveryClient, Error, HttpClient, OAuthClient, Result, Secret};
use authgate_dev_server::{Client, DevServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

/// Writes down what a person would have seen.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(crate) fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// How many lines contain `part`.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(part)).count()
    }
}

impl Prompt for Recorder {
    fn authorization_url(&self, url: &AuthorizationUrl) {
        self.lines().push(format!("url: {url}"));
    }

    fn device_code(&self, code: &DevicePrompt<'_>) {
        let complete = code.verification_uri_complete.map(Url::as_str).unwrap_or_default();
        self.lines().push(format!("device: {code}\nQR: {complete}"));
    }

    fn notice(&self, notice: &Notice) {
        self.lines().push(format!("notice: {notice}"));
    }

    fn waiting(&self, remaining: Duration) {
        self.lines().push(format!("waiting: {}", remaining.as_secs()));
    }
}

/// Hands the test what a browser would have been opened with.
pub(crate) struct Page(pub(crate) mpsc::UnboundedSender<Url>);

impl Browser for Page {
    fn open<'a>(&'a self, url: &'a Url) -> Opening<'a> {
        self.0.send(url.clone()).unwrap();
        Box::pin(async { Ok(()) })
    }
}

/// A launcher that fails.
pub(crate) struct Broken;

impl Browser for Broken {
    fn open<'a>(&'a self, _: &'a Url) -> Opening<'a> {
        Box::pin(async { Err(Error::BrowserUnavailable { reason: "xdg-open ended with status 3".to_owned() }) })
    }
}

/// A browser in which nothing happens.
pub(crate) struct Never;

impl Browser for Never {
    fn open<'a>(&'a self, _: &'a Url) -> Opening<'a> {
        Box::pin(std::future::pending())
    }
}

/// A login through the browser that has begun: the address is open, nobody has come back.
pub(crate) struct Begun {
    pub(crate) url: Url,
    pub(crate) redirect_uri: String,
    pub(crate) prompt: &'static Recorder,
    pub(crate) login: JoinHandle<Result<Login>>,
}

impl Begun {
    /// The state that the answer must carry.
    pub(crate) fn state(&self) -> String {
        parameter(&self.url, "state")
    }

    /// Comes back with this query.
    pub(crate) async fn come_back(&self, query: &str) -> Answer {
        get(&format!("{}?{query}", self.redirect_uri)).await
    }

    /// Comes back with the right state and the rest of this query.
    pub(crate) async fn come_back_with_state(&self, query: &str) -> Answer {
        self.come_back(&format!("state={}&{query}", self.state())).await
    }

    /// How the login ended, which it must.
    pub(crate) async fn failure(self) -> Error {
        self.login.await.unwrap().expect_err("the login fails")
    }
}

/// Finishes a login that has survived what came before.
pub(crate) async fn log_in(server: &DevServer, begun: Begun) {
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let browser = tokio::spawn(async move { get(&back).await });
    begun.login.await.unwrap().expect("the login is still open").page.saved().await;
    assert_eq!(browser.await.unwrap().status, 200);
}

/// The host and port that a login listens on.
pub(crate) fn address(begun: &Begun) -> String {
    let url = Url::parse(&begun.redirect_uri).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

pub(crate) fn options(redirect_uri: &str) -> AuthCodeOptions {
    let mut options = AuthCodeOptions::default();
    options.redirect_uri = RedirectUri::parse(redirect_uri).unwrap();
    options
}

pub(crate) async fn begin(client: &OAuthClient, scopes: &[&str], options: AuthCodeOptions) -> Begun {
    let (opened, mut urls) = mpsc::unbounded_channel();
    let prompt: &'static Recorder = Box::leak(Box::default());
    let redirect_uri = options.redirect_uri.to_string();
    let (client, scopes) = (client.clone(), strings(scopes));
    let login =
        tokio::spawn(async move { run_auth_code_flow(&client, &scopes, &options, &Page(opened), prompt).await });
    let url = urls.recv().await.expect("the browser is opened");
    Begun { url, redirect_uri, prompt, login }
}

/// A server, its public client, and a login with the default scopes that has begun.
pub(crate) async fn begin_login() -> (DevServer, Begun) {
    let server = DevServer::start().await;
    let redirect_uri = free_redirect_uri("127.0.0.1");
    server.register_redirect_uri(&redirect_uri);
    let client = client(&server, server.public_client()).await;
    let begun = begin(&client, &["profile", "email"], options(&redirect_uri)).await;
    (server, begun)
}

pub(crate) async fn client(server: &DevServer, client: &Client) -> OAuthClient {
    let http = HttpClient::default();
    let metadata = DiscoveryClient::new(server.url(), http.clone()).unwrap().fetch().await.unwrap();
    let secret = client.secret.as_deref().map(Secret::from);
    OAuthClient::new(client.id.as_str(), metadata.to_endpoints(), http).with_secret(secret)
}

pub(crate) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

/// A redirect URI whose port was free a moment ago, and is none that a system gives to connections,
/// of which the other tests make many.
pub(crate) fn free_redirect_uri(host: &str) -> String {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
    let port = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
    format!("http://{host}:{port}/callback")
}

pub(crate) fn parameter(url: &Url, name: &str) -> String {
    let (_, value) = url.query_pairs().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name} in the URL"));
    value.into_owned()
}

/// An HTTP answer, read to the end of its connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) async fn get(url: &str) -> Answer {
    let url = Url::parse(url).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    send(&host, &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await
}

/// Sends these bytes and reads what comes.
pub(crate) async fn send(address: &str, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have answered and closed before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let reading = timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    let _ = reading.expect("an answer comes at all");
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}
