//! Logins on a machine where nobody is: what is stored has to do, or the login fails at once.

use std::sync::Arc;

use authgate_core::flow::{InFlight, NoBrowser, Prompt, RedirectUri, Surroundings, System, SystemBrowser};
use authgate_core::login::{LoginContext, LoginOptions};
use authgate_core::store::{FallbackStore, StoredToken};
use authgate_core::{FlowMode, HttpClient, Secret};
use authgate_dev_server::DevServer;

use crate::support::stores::CLIENT;

const CLIENT_SECRET: &str = "client-secret";

pub(crate) const LONG_AGO: u64 = 1_000_000_000;
pub(crate) const FAR_AHEAD: u64 = 4_000_000_000;

/// A server that ends the login when an old refresh token comes back.
pub(crate) async fn strict_server() -> DevServer {
    let server = DevServer::builder().confidential_client(CLIENT, CLIENT_SECRET);
    server.settings(|settings| settings.rotate_refresh_tokens = true).start().await.unwrap()
}

/// A login at that server as it is stored, which expires at this time.
pub(crate) fn login(server: &DevServer, expires_at: u64) -> StoredToken {
    let tokens = server.issue_tokens(server.confidential_client(), "profile email");
    let mut stored = StoredToken::new(Secret::from(tokens.access_token));
    stored.refresh_token = tokens.refresh_token.map(Secret::from);
    stored.expires_at = Some(expires_at);
    stored.issuer = Some(server.url().to_owned());
    stored
}

pub(crate) fn options(url: &str) -> LoginOptions {
    LoginOptions {
        authgate_url: url.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret::from(CLIENT_SECRET)),
        scopes: vec!["profile".to_owned(), "email".to_owned()],
        flow_mode: FlowMode::Auto,
        redirect_uri: RedirectUri::default(),
    }
}

pub(crate) fn unattended(store: Arc<FallbackStore>, prompt: Arc<dyn Prompt>) -> LoginContext {
    LoginContext {
        http: HttpClient::default(),
        store,
        prompt,
        browser: Arc::new(SystemBrowser::new(Err(NoBrowser::Ci))),
        surroundings: Arc::new(Surroundings {
            system: System::Unix,
            terminal: false,
            variable: Box::new(|name| (name == "CI").then(|| "1".to_owned())),
            find_program: Box::new(|_| None),
        }),
        in_flight: InFlight::default(),
    }
}
