//! The layer between the socket and HTTP: none, or TLS.

use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use crate::certificate::Tls;
use crate::connection::Connection;

#[derive(Clone)]
pub(crate) enum Transport {
    Plain,
    #[cfg(feature = "tls")]
    Tls(Tls),
}

impl Transport {
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "https",
        }
    }

    pub(crate) fn default_port(&self) -> u16 {
        match self {
            Self::Plain => 80,
            #[cfg(feature = "tls")]
            Self::Tls(_) => 443,
        }
    }

    pub(crate) async fn serve(self, connection: Connection, stream: TcpStream) {
        match self {
            Self::Plain => connection.serve(stream).await,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                // A client that does not trust the certificate closes the connection, so ignore the error.
                if let Ok(stream) = tls.accept(stream).await {
                    connection.serve(stream).await;
                }
            }
        }
    }
}
