//! A proxy that supports CONNECT (RFC 9110 section 9.3.6) and knows only one server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authgate_dev_server::DevServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct ConnectProxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl ConnectProxy {
    /// Starts a proxy that connects every name to this server.
    pub(crate) async fn to(server: &DevServer) -> Self {
        Self::start(Ok(server.address()), 0, Duration::ZERO).await
    }

    /// The same with a header of this size in the answer.
    pub(crate) async fn with_header(server: &DevServer, size: usize) -> Self {
        Self::start(Ok(server.address()), size, Duration::ZERO).await
    }

    /// The same, but the proxy takes this long for each connection.
    pub(crate) async fn slow_to(server: &DevServer, delay: Duration) -> Self {
        Self::start(Ok(server.address()), 0, delay).await
    }

    pub(crate) async fn refusing_with(status: u16) -> Self {
        Self::start(Err(status), 0, Duration::ZERO).await
    }

    /// Gives every client a tunnel to this address, or refuses it with this status.
    async fn start(answer: Result<SocketAddr, u16>, header_size: usize, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, header_size, delay, Arc::clone(&seen)));
            }
        });
        Self {
            address,
            requests,
            accepting,
        }
    }

    pub(crate) fn place(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the head of each request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Closes the port.
    pub(crate) async fn stop(self) {
        self.accepting.abort();
        // The error only says that the task was aborted.
        let _aborted = self.accepting.await;
    }
}

async fn serve(
    mut client: TcpStream,
    answer: Result<SocketAddr, u16>,
    header_size: usize,
    delay: Duration,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    requests
        .lock()
        .unwrap()
        .push(String::from_utf8(head).unwrap());
    tokio::time::sleep(delay).await;
    // Ignore an error: the client may have closed the connection.
    match answer {
        Ok(server) => {
            let mut server = TcpStream::connect(server).await.unwrap();
            let header = "x".repeat(header_size);
            let established = format!("HTTP/1.1 200 Connection established\r\nx: {header}\r\n\r\n");
            let _gone = client.write_all(established.as_bytes()).await;
            let _gone = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
        Err(status) => {
            let refusal = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
            let _gone = client.write_all(refusal.as_bytes()).await;
        }
    }
}
