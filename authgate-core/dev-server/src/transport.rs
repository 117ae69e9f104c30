//! What lies between the socket and HTTP: nothing, or TLS.

use tokio::net::TcpStream;

#[cfg(feature = "tls")]
use crate::certificate::Tls;
use crate::{
    builder::{DevServerBuilder, StartError},
    connection::Connection,
};

#[derive(Clone)]
pub(crate) enum Transport {
    Plain,
    #[cfg(feature = "tls")]
    Tls(Tls),
}

impl Transport {
    /// The transport that the builder asks for, and the authority to trust, in PEM, if there is one.
    #[cfg(feature = "tls")]
    pub(crate) fn new(builder: &DevServerBuilder) -> Result<(Self, Option<String>), StartError> {
        let Some(certificate) = &builder.certificate else {
            return Ok((Self::Plain, None));
        };
        let (tls, authority) = certificate.issue(builder.issuer_host.as_deref())?;
        Ok((Self::Tls(tls), Some(authority)))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unnecessary_wraps, reason = "making certificates can fail")]
    pub(crate) fn new(_builder: &DevServerBuilder) -> Result<(Self, Option<String>), StartError> {
        Ok((Self::Plain, None))
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "https",
        }
    }

    pub(crate) async fn serve(self, connection: Connection, stream: TcpStream) {
        match self {
            Self::Plain => connection.serve(stream).await,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                // A client that does not trust the certificate hangs up, as it should.
                if let Ok(stream) = tls.accept(stream).await {
                    connection.serve(stream).await;
                }
            }
        }
    }
}
