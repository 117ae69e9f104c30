//! The endpoints, by name and by path.

/// One endpoint of the server, or all of them: for counting requests, faults and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The discovery document (OpenID Connect Discovery 1.0 section 4).
    Discovery,
    /// The authorization endpoint (RFC 6749 section 3.1).
    Authorize,
    /// The token endpoint (RFC 6749 section 3.2).
    Token,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    DeviceAuthorization,
    /// The page where a person enters the user code (RFC 8628 section 3.3).
    DevicePage,
    /// The login page.
    Login,
    /// Userinfo (OpenID Connect Core section 5.3).
    UserInfo,
    /// Token info, which only AuthGate has.
    TokenInfo,
    /// Token introspection (RFC 7662).
    Introspection,
    /// Token revocation (RFC 7009).
    Revocation,
    /// The public keys (RFC 7517 section 5).
    Jwks,
    /// The health check.
    Health,
    /// A protected resource that echoes the request: everything below `/api/`.
    Api,
    /// Every request, also one to an unknown path.
    Any,
}

/// The path of each endpoint below the issuer, in the router's syntax.
pub(crate) const PATHS: [(Endpoint, &str); 13] = [
    (Endpoint::Discovery, "/.well-known/openid-configuration"),
    (Endpoint::Authorize, "/oauth/authorize"),
    (Endpoint::Token, "/oauth/token"),
    (Endpoint::DeviceAuthorization, "/oauth/device/code"),
    (Endpoint::DevicePage, "/device"),
    (Endpoint::Login, "/login"),
    (Endpoint::UserInfo, "/oauth/userinfo"),
    (Endpoint::TokenInfo, "/oauth/tokeninfo"),
    (Endpoint::Introspection, "/oauth/introspect"),
    (Endpoint::Revocation, "/oauth/revoke"),
    (Endpoint::Jwks, "/.well-known/jwks.json"),
    (Endpoint::Health, "/health"),
    (Endpoint::Api, "/api/{*rest}"),
];

impl Endpoint {
    /// Returns the endpoint at this path below the issuer.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let matches = |pattern: &str| match pattern.split_once("{*") {
            Some((start, _)) => path.starts_with(start),
            None => path == pattern,
        };
        PATHS
            .iter()
            .find(|(_, pattern)| matches(pattern))
            .map(|(endpoint, _)| *endpoint)
    }

    /// Returns the path below the issuer; empty for [`Endpoint::Any`].
    pub(crate) fn path(self) -> &'static str {
        PATHS
            .iter()
            .find(|(endpoint, _)| *endpoint == self)
            .map_or("", |(_, path)| path)
    }

    pub(crate) fn covers(self, endpoint: Option<Self>) -> bool {
        self == Self::Any || endpoint == Some(self)
    }
}
