//! Logins by `authenticate`: unattended ones, which use a stored login or fail at once, and those
//! of a person at a desktop.

use std::path::PathBuf;
use std::sync::Arc;

use authgate_core::test_util::{FallbackStore, Platform, StoredToken, System};
use authgate_core::{
    Browser, Error, FlowMode, LoginOptions, Prompt, RedirectUri, Result, Secret, Session,
    authenticate,
};
use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::Home;
use tokio::task::JoinHandle;

use super::flow::{Recorder, strings, while_it_runs};
use super::stores::{CLIENT, only_file};

const CLIENT_SECRET: &str = "client-secret";

pub(crate) const LONG_AGO: u64 = 1_000_000_000;
pub(crate) const FAR_FUTURE: u64 = 4_000_000_000;

/// Starts a server that ends the login if an old refresh token is used again.
pub(crate) async fn strict_server() -> DevServer {
    let server = DevServer::builder().confidential_client(CLIENT, CLIENT_SECRET);
    server
        .settings(|settings| settings.rotate_refresh_tokens = true)
        .start()
        .await
        .unwrap()
}

/// Creates a login at that server in its stored form, which expires at this time.
pub(crate) fn login(server: &DevServer, expires_at: u64) -> StoredToken {
    let tokens = server.issue_tokens(server.confidential_client(), "profile email");
    let mut stored = StoredToken::new(Secret::from(tokens.access_token));
    stored.refresh_token = tokens.refresh_token.map(Secret::from);
    stored.expires_at = Some(expires_at);
    stored.issuer = Some(server.url().to_owned());
    stored
}

/// Describes a machine with these variables, each `NAME=value`, and with these programs in
/// `/usr/bin`.
pub(crate) fn platform(
    system: System,
    terminal: bool,
    variables: &[&str],
    programs: &[&str],
) -> Platform {
    let [variables, programs] = [variables, programs].map(strings);
    Platform {
        system,
        terminal,
        variable: Box::new(move |name| {
            let mut values = variables
                .iter()
                .filter_map(|variable| variable.strip_prefix(name)?.strip_prefix('='));
            values.next().map(str::to_owned)
        }),
        find_program: Box::new(move |name| {
            let file = name.rsplit('/').next()?;
            programs
                .iter()
                .any(|program| program == file)
                .then(|| PathBuf::from("/usr/bin").join(file))
        }),
    }
}

/// Prepares an unattended login.
pub(crate) fn unattended(
    url: &str,
    store: Arc<FallbackStore>,
    prompt: Arc<dyn Prompt>,
) -> LoginOptions {
    LoginOptions::new(url, CLIENT)
        .client_secret(Secret::from(CLIENT_SECRET))
        .scopes(["profile", "email"])
        .store(store)
        .prompt(prompt)
        .platform(platform(System::Unix, false, &["CI=1"], &[]))
}

/// A started login at a desktop, with a token file.
pub(crate) struct Person {
    _home: Home,
    pub(crate) server: DevServer,
    pub(crate) prompt: Arc<Recorder>,
    login: JoinHandle<Result<Session>>,
}

impl Person {
    /// Starts a login at its own server, with a terminal.
    pub(crate) async fn at(
        redirect_uri: &str,
        flow_mode: FlowMode,
        browser: impl Browser + 'static,
    ) -> Self {
        Self::at_server(
            DevServer::start().await,
            redirect_uri,
            flow_mode,
            browser,
            true,
        )
    }

    pub(crate) fn at_server(
        server: DevServer,
        redirect_uri: &str,
        flow_mode: FlowMode,
        browser: impl Browser + 'static,
        terminal: bool,
    ) -> Self {
        server.register_redirect_uri(redirect_uri);
        let prompt = Arc::new(Recorder::default());
        let home = Home::new();
        let options = LoginOptions::new(server.url(), &server.public_client().id)
            .scopes(["profile", "email"])
            .flow_mode(flow_mode)
            .redirect_uri(RedirectUri::parse(redirect_uri).unwrap())
            .store(only_file(&home))
            .prompt(prompt.clone())
            .browser(Arc::new(browser))
            .platform(platform(
                System::Unix,
                terminal,
                &["DISPLAY=:0"],
                &["xdg-open"],
            ));
        let login = tokio::spawn(authenticate(options));
        Self {
            _home: home,
            server,
            prompt,
            login,
        }
    }

    /// Waits for a device code and approves it.
    pub(crate) async fn approve_device(&self) {
        let approve = || {
            self.server
                .latest_user_code()
                .is_some_and(|code| self.server.approve_device(&code))
        };
        while_it_runs(&self.login, approve).await;
    }

    pub(crate) fn device_codes(&self) -> usize {
        self.server.count(Endpoint::DeviceAuthorization)
    }

    pub(crate) async fn success(self) {
        self.login.await.unwrap().expect("the login succeeds");
    }

    pub(crate) async fn failure(&mut self) -> Error {
        (&mut self.login)
            .await
            .unwrap()
            .expect_err("the login fails")
    }
}
