//! Servers, logins and runs as only these tests need them.

use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::browser::{authorization_url, redirect_uri};
use authgate_test_support::{Ended, Home, Port, Run, Started, StoredLogin, http, until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_rust-cli");

/// A server whose device flow does not keep a test waiting.
pub(crate) async fn server() -> DevServer {
    DevServer::start_with(|settings| settings.device_code_interval = Duration::from_secs(1)).await
}

/// A server and a stored login with `expires_in` seconds left.
pub(crate) async fn logged_in(expires_in: i64) -> (DevServer, Home) {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, expires_in);
    (server, home)
}

/// The same at a server that ends the login when an old refresh token comes back.
pub(crate) async fn logged_in_with_rotation(expires_in: i64) -> (DevServer, Home) {
    let (server, home) = logged_in(expires_in).await;
    server.change(|settings| settings.rotate_refresh_tokens = true);
    (server, home)
}

/// A run of the public client by device flow, without the keyring.
pub(crate) fn run(home: &Home, server: &DevServer) -> Run {
    run_without_flow(home, server).args("--flow device")
}

pub(crate) fn run_without_flow(home: &Home, server: &DevServer) -> Run {
    Run::new(PROGRAM, home)
        .as_person_at(server)
        .arg("--no-keyring")
}

pub(crate) fn run_in_browser(home: &Home, server: &DevServer, redirect_uri: &str) -> Run {
    run_without_flow(home, server)
        .args("--flow browser --redirect-uri")
        .arg(redirect_uri)
}

/// A login by browser that waits for its callback, the authorization URL, and the callback's port.
pub(crate) async fn waiting_browser_login(
    home: &Home,
    server: &DevServer,
) -> (Started, String, Port) {
    let (port, redirect_uri) = redirect_uri(server);
    let run = run_in_browser(home, server, &redirect_uri).start();
    let url = authorization_url(&run).await;
    run.says("no browser can be opened here").await;
    (run, url, port)
}

/// Asks for a page and does not wait for it.
pub(crate) async fn request_page(url: &str) -> TcpStream {
    let mut connection = TcpStream::connect(http::address(url)).await.unwrap();
    connection
        .write_all(http::request("GET", url, &[], "").as_bytes())
        .await
        .unwrap();
    connection
}

/// Runs to the end, while a person denies the device code that it shows.
pub(crate) async fn denied_at(server: &DevServer, run: Run) -> Ended {
    let run = run.start();
    until("a device code", || {
        server
            .latest_user_code()
            .is_some_and(|code| server.deny_device(&code))
    })
    .await;
    run.end().await
}

pub(crate) fn stored(home: &Home, server: &DevServer) -> StoredLogin {
    home.stored(server.public_client()).unwrap()
}

pub(crate) fn refreshes(server: &DevServer) -> usize {
    let requests = server.requests_at(Endpoint::Token);
    requests
        .iter()
        .filter(|request| request.parameter("grant_type") == Some("refresh_token"))
        .count()
}
