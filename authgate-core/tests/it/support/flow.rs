//! A login through the browser: what the person is shown, and the browser, which the test is.

use std::future::{pending, ready};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use authgate_core::test_util::{AuthCodeOptions, OutcomePage, run_auth_code_flow};
use authgate_core::{
    Browser, BrowserPrompt, DevicePrompt, Error, Notice, OAuthClient, Prompt, RedirectUri, Result,
    Token,
};
use authgate_dev_server::DevServer;
use authgate_test_support::http::{self, Answer};
use authgate_test_support::{Port, redact};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use url::Url;

pub(crate) use super::client;

/// Writes down what a person is shown.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(crate) fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.lines().join("\n")
    }

    pub(crate) fn count(&self, part: &str) -> usize {
        self.lines()
            .iter()
            .filter(|line| line.contains(part))
            .count()
    }

    /// Everything but the time left, for a snapshot.
    pub(crate) fn said(&self) -> String {
        self.redacted(|line| !line.starts_with("waiting: "))
    }

    pub(crate) fn notices(&self) -> String {
        self.redacted(|line| line.starts_with("notice: "))
    }

    fn redacted(&self, is_shown: impl Fn(&str) -> bool) -> String {
        let lines: Vec<_> = self
            .lines()
            .iter()
            .filter(|line| is_shown(line))
            .cloned()
            .collect();
        redact(&lines.join("\n"))
    }
}

impl Prompt for Recorder {
    fn show(&self, text: &str) {
        self.lines().push(text.to_owned());
    }

    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        self.show(&format!("url: {}", prompt.url));
    }

    fn device_code(&self, code: &DevicePrompt<'_>) {
        let complete = code
            .verification_uri_complete
            .map(|uri| format!("\nQR: {uri}"))
            .unwrap_or_default();
        self.show(&format!("device: {code}{complete}"));
    }

    fn notice(&self, notice: &Notice) {
        self.show(&format!("notice: {notice}"));
    }

    fn countdown(&self, remaining: Option<Duration>) {
        if let Some(remaining) = remaining {
            self.show(&format!("waiting: {}", remaining.as_secs()));
        }
    }
}

/// The variant of an error and what it says, for a snapshot.
pub(crate) fn described(error: &Error) -> String {
    let debug_output = format!("{error:?}");
    let variant = debug_output
        .split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap();
    redact(&format!("{variant}: {error}"))
}

/// Status and text of a page of the callback server, for a snapshot.
pub(crate) fn shown(page: &Answer) -> String {
    let (_, main) = page
        .body
        .split_once("<h1>")
        .unwrap_or_else(|| panic!("no page: {page:?}"));
    let without_tags = |line: &str| -> String {
        line.split('<')
            .map(|part| part.split_once('>').map_or(part, |(_tag, text)| text))
            .collect()
    };
    let lines: Vec<_> = main
        .lines()
        .map(without_tags)
        .filter(|line| !line.is_empty())
        .collect();
    redact(&format!("{} {}", page.status, lines.join("\n")))
}

/// A browser, as far as a test needs one.
pub(crate) enum TestBrowser {
    /// Hands the test what it is opened with.
    Opens(mpsc::UnboundedSender<Url>),
    /// Its launcher fails.
    Fails,
    /// Nothing happens in it.
    Hangs,
}

impl Browser for TestBrowser {
    fn open<'a>(&'a self, url: &'a Url) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        let reason = "no browser can be opened here: xdg-open ended with status 3".to_owned();
        match self {
            Self::Opens(opened) => Box::pin(ready(
                opened.send(url.clone()).map_err(|error| panic!("{error}")),
            )),
            Self::Fails => Box::pin(ready(Err(Error::BrowserUnavailable {
                reason,
                source: None,
            }))),
            Self::Hangs => Box::pin(pending()),
        }
    }
}

/// A login that has begun: the browser has the address, and nobody has come back.
pub(crate) struct Begun {
    pub(crate) url: Url,
    pub(crate) port: Port,
    pub(crate) redirect_uri: String,
    pub(crate) prompt: &'static Recorder,
    pub(crate) login: JoinHandle<Result<(Token, OutcomePage)>>,
}

impl Begun {
    pub(crate) fn state(&self) -> String {
        parameter(&self.url, "state")
    }

    pub(crate) fn address(&self) -> String {
        http::address(&self.redirect_uri)
    }

    /// Sends a request with this first line, but for the version.
    pub(crate) async fn request(&self, line: &str) -> Answer {
        let address = self.address();
        http::send(
            &address,
            &format!("{line} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        )
        .await
    }

    pub(crate) async fn come_back(&self, query: &str) -> Answer {
        self.request(&format!("GET /callback?{query}")).await
    }

    pub(crate) async fn come_back_with_state(&self, query: &str) -> Answer {
        self.come_back(&format!("state={}&{query}", self.state()))
            .await
    }

    /// Comes back after the person has allowed it, with this added to the query: how the login went, and
    /// the browser, which waits for its page.
    pub(crate) async fn approved(
        &mut self,
        server: &DevServer,
        more: &str,
    ) -> (Result<(Token, OutcomePage)>, JoinHandle<Answer>) {
        let back = server
            .approve_authorization(self.url.as_str())
            .expect("the request is in order")
            + more;
        let browser = tokio::spawn(async move { http::get(&back).await });
        ((&mut self.login).await.unwrap(), browser)
    }

    pub(crate) async fn failure(&mut self) -> Error {
        (&mut self.login)
            .await
            .unwrap()
            .expect_err("the login fails")
    }
}

/// Finishes a login that has survived what came before.
pub(crate) async fn log_in(server: &DevServer, begun: &mut Begun) -> Token {
    let (login, browser) = begun.approved(server, "").await;
    let (token, page) = login.expect("the login is still open");
    page.saved().await;
    assert_eq!(browser.await.unwrap().status, 200);
    token
}

pub(crate) fn options(redirect_uri: &str) -> AuthCodeOptions {
    let mut options = AuthCodeOptions::default();
    options.redirect_uri = RedirectUri::parse(redirect_uri).unwrap();
    options
}

pub(crate) async fn begin(server: &DevServer, client: &OAuthClient, scopes: &[&str]) -> Begun {
    begin_at("127.0.0.1", server, client, scopes).await
}

pub(crate) async fn begin_at(
    host: &str,
    server: &DevServer,
    client: &OAuthClient,
    scopes: &[&str],
) -> Begun {
    let (opened, mut urls) = mpsc::unbounded_channel();
    let prompt: &'static Recorder = Box::leak(Box::default());
    let port = Port::free();
    let redirect_uri = port.redirect_uri(host);
    server.register_redirect_uri(&redirect_uri);
    let (client, scopes, options) = (client.clone(), strings(scopes), options(&redirect_uri));
    let login = tokio::spawn(async move {
        run_auth_code_flow(
            &client,
            &scopes,
            &options,
            &TestBrowser::Opens(opened),
            prompt,
        )
        .await
    });
    let url = urls.recv().await.expect("the browser is opened");
    Begun {
        url,
        port,
        redirect_uri,
        prompt,
        login,
    }
}

/// A server, and a login of its public client with the default scopes that has begun.
pub(crate) async fn begin_login() -> (DevServer, Begun) {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let begun = begin(&server, &client, &["profile", "email"]).await;
    (server, begun)
}

pub(crate) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

/// A port of this address that another program listens on, and a redirect URI that leads to it.
pub(crate) fn taken(address: &str, host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("http://{host}:{port}/callback"))
}

pub(crate) fn parameter(url: &Url, name: &str) -> String {
    let (_, value) = url
        .query_pairs()
        .find(|(key, _)| key == name)
        .unwrap_or_else(|| panic!("no {name} in the URL"));
    value.into_owned()
}

/// Returns when the condition holds, which it must before this task ends. For paused time.
pub(crate) async fn while_it_runs<T>(task: &JoinHandle<T>, condition: impl Fn() -> bool) {
    while !condition() {
        assert!(!task.is_finished(), "the login ended early");
        sleep(Duration::from_millis(100)).await;
    }
}
