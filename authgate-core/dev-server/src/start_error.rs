//! The error of a server that cannot start.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The server's credentials are public, so another computer must not reach it.
    #[error("{0} is not a loopback address; this server listens on loopback only")]
    NotLoopback(IpAddr),
    /// The server could not listen on the address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The issuer's path has an empty segment, or a character other than letters, digits, `-`, `.`, `_` and `~`.
    #[error("{0:?} cannot be the path of an issuer")]
    IssuerPath(String),
    /// The operating system gave no random bytes for the signing key.
    #[error("cannot make a signing key")]
    SigningKey,
    /// The certificate could not be made, for example because its name is not a host name.
    #[cfg(feature = "tls")]
    #[error("cannot make a certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}
