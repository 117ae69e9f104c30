use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An authorization server that answers some requests on a connection, and closes it when the next
/// one has arrived, as a server does whose limit for idle connections is over at that moment.
pub struct ClosingServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl ClosingServer {
    /// Starts a server that answers this many requests on each connection.
    pub async fn start(answers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, address, answers, Arc::clone(&seen)));
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns method and path of each request since the last call, answered or not.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

async fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    answers: usize,
    requests: Arc<Mutex<Vec<String>>>,
) {
    for count in 0.. {
        let Some(request) = request(&mut stream).await else {
            return;
        };
        requests.lock().unwrap().push(request.clone());
        if count == answers {
            return;
        }
        let body = body(&request, address).to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Ignore an error: the client may have closed the connection.
        let _gone = stream.write_all(answer.as_bytes()).await;
    }
}

/// Reads a request to its end, and returns its method and path; returns `None` at the end of the
/// connection.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    stream
        .read_exact(&mut vec![0; length.unwrap_or(0)])
        .await
        .ok()?;
    let (request, _version) = head.lines().next()?.rsplit_once(' ')?;
    Some(request.to_owned())
}

fn body(request: &str, address: SocketAddr) -> Value {
    match request {
        "GET /.well-known/openid-configuration" => json!({
            "issuer": format!("http://{address}"),
            "authorization_endpoint": format!("http://{address}/authorize"),
            "token_endpoint": format!("http://{address}/token"),
            "userinfo_endpoint": format!("http://{address}/userinfo"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }),
        "POST /token" => json!({
            "access_token": "access",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "refresh",
        }),
        _ => json!({ "sub": "somebody" }),
    }
}
