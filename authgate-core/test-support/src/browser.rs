//! The part of a login that a person's browser plays.

use authgate_dev_server::DevServer;

use crate::{Port, Started};

/// Registers a redirect URI on a free port. No other test uses the port while it is held.
pub fn redirect_uri(server: &DevServer) -> (Port, String) {
    let port = Port::free();
    let redirect_uri = port.redirect_uri("127.0.0.1");
    server.register_redirect_uri(&redirect_uri);
    (port, redirect_uri)
}

/// Returns the authorization URL that a run has printed.
pub async fn authorization_url(run: &Started) -> String {
    run.says("Waiting 5 min").await;
    let said = run.said();
    let mut urls = said
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("/oauth/authorize?"));
    urls.next()
        .unwrap_or_else(|| panic!("no address in {said}"))
        .to_owned()
}
