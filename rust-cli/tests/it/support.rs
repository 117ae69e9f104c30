//! Servers, logins and runs for these tests.

use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::browser::{authorization_url, redirect_uri};
use authgate_test_support::{Ended, Home, Port, Run, Started, StoredLogin, http, until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_rust-cli");

/// Starts a server with a short polling interval.
pub(crate) async fn server() -> DevServer {
    DevServer::start_with(|settings| settings.device_code_interval = Duration::from_secs(1)).await
}

/// Starts a server, and stores a login with `expires_in` seconds left.
pub(crate) async fn logged_in(expires_in: i64) -> (DevServer, Home) {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, expires_in);
    (server, home)
}

/// The same at a server that ends the login if an old refresh token is used again.
pub(crate) async fn logged_in_with_rotation(expires_in: i64) -> (DevServer, Home) {
    let (server, home) = logged_in(expires_in).await;
    server.change(|settings| settings.rotate_refresh_tokens = true);
    (server, home)
}

/// Prepares a run of the public client with the device flow and without the keyring.
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

/// Starts a browser login. Returns the run, which waits for the authorization response, the
/// authorization URL, and the port.
pub(crate) async fn waiting_browser_login(
    home: &Home,
    server: &DevServer,
) -> (Started, String, Port) {
    let (port, redirect_uri) = redirect_uri(server);
    let run = run_in_browser(home, server, &redirect_uri).start();
    let url = authorization_url(&run).await;
    run.says("No browser can be opened here").await;
    (run, url, port)
}

/// Requests a page and does not wait for it.
pub(crate) async fn request_page(url: &str) -> TcpStream {
    let mut connection = TcpStream::connect(http::address(url)).await.unwrap();
    connection
        .write_all(http::request("GET", url, &[], "").as_bytes())
        .await
        .unwrap();
    connection
}

/// Denies the device code that the run shows, and waits until the run ends.
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
