//! A login through the browser: a recording prompt, and a browser that the test plays.

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

/// A prompt that records everything that the person sees.
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

    /// Returns everything except the time left, for a snapshot.
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

/// Returns the variant of an error and its text, for a snapshot.
pub(crate) fn described(error: &Error) -> String {
    let debug_output = format!("{error:?}");
    let variant = debug_output
        .split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap();
    redact(&format!("{variant}: {error}"))
}

/// Returns the status and the text of a page of the callback server, for a snapshot.
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

/// A browser for a test.
pub(crate) enum TestBrowser {
    /// It passes the opened address to the test.
    Opens(mpsc::UnboundedSender<Url>),
    /// Its launcher fails.
    Fails,
    /// Its launcher never returns.
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

/// A started login. The browser has the address, and no authorization response has arrived.
pub(crate) struct StartedLogin {
    pub(crate) url: Url,
    pub(crate) port: Port,
    pub(crate) redirect_uri: String,
    pub(crate) prompt: &'static Recorder,
    pub(crate) login: JoinHandle<Result<(Token, OutcomePage)>>,
}

impl StartedLogin {
    pub(crate) fn state(&self) -> String {
        parameter(&self.url, "state")
    }

    pub(crate) fn address(&self) -> String {
        http::address(&self.redirect_uri)
    }

    /// Sends a request with this first line, without the version.
    pub(crate) async fn request(&self, line: &str) -> Answer {
        let address = self.address();
        http::send(
            &address,
            &format!("{line} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        )
        .await
    }

    pub(crate) async fn respond(&self, query: &str) -> Answer {
        self.request(&format!("GET /callback?{query}")).await
    }

    pub(crate) async fn respond_with_state(&self, query: &str) -> Answer {
        self.respond(&format!("state={}&{query}", self.state()))
            .await
    }

    /// Sends the response of a person who has allowed the login, with this added to the query.
    /// Returns the outcome of the login, and the browser, which waits for its page.
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

/// Finishes a login that earlier requests must not have ended.
pub(crate) async fn log_in(server: &DevServer, begun: &mut StartedLogin) -> Token {
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

pub(crate) async fn begin(
    server: &DevServer,
    client: &OAuthClient,
    scopes: &[&str],
) -> StartedLogin {
    begin_at("127.0.0.1", server, client, scopes).await
}

pub(crate) async fn begin_at(
    host: &str,
    server: &DevServer,
    client: &OAuthClient,
    scopes: &[&str],
) -> StartedLogin {
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
    StartedLogin {
        url,
        port,
        redirect_uri,
        prompt,
        login,
    }
}

/// Starts a server, and a login of its public client with the default scopes.
pub(crate) async fn begin_login() -> (DevServer, StartedLogin) {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let begun = begin(&server, &client, &["profile", "email"]).await;
    (server, begun)
}

pub(crate) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

/// Listens on a port of this address, and returns a redirect URI with this port.
pub(crate) fn port_in_use(address: &str, host: &str) -> (TcpListener, String) {
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

/// Waits until the condition is true, which must happen before this task ends. For paused time.
pub(crate) async fn while_it_runs<T>(task: &JoinHandle<T>, condition: impl Fn() -> bool) {
    while !condition() {
        assert!(!task.is_finished(), "the login ended early");
        sleep(Duration::from_millis(100)).await;
    }
}
