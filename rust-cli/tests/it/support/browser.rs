//! A browser by hand: it opens what is printed and shows what comes back.

use std::net::TcpListener;

use authgate_dev_server::DevServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Started, until};

/// A redirect URI on a free port, which the server knows.
pub(crate) fn redirect_uri(server: &DevServer) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redirect_uri = format!("http://127.0.0.1:{port}/callback");
    server.register_redirect_uri(&redirect_uri);
    redirect_uri
}

/// Whether nobody listens at a redirect URI.
pub(crate) fn is_free(redirect_uri: &str) -> bool {
    TcpListener::bind(parts(redirect_uri).0).is_ok()
}

/// The authorization URL that a run has printed.
pub(crate) async fn authorization_url(run: &Started) -> String {
    run.says("Waiting 5 min").await;
    let said = run.said();
    let mut urls = said.lines().map(str::trim).filter(|line| line.contains("/oauth/authorize?"));
    urls.next().unwrap_or_else(|| panic!("no address in {said}")).to_owned()
}

/// Goes there, and returns the answer as it came: status line, headers and page.
pub(crate) async fn visit(url: &str) -> String {
    let mut connection = begin(url).await;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Asks for a page and does not wait for it.
pub(crate) async fn begin(url: &str) -> TcpStream {
    let (address, path) = parts(url);
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// Waits for the port to be free again.
pub(crate) async fn until_free(redirect_uri: &str) {
    until("the port", || is_free(redirect_uri)).await;
}

fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}
