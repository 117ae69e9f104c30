//! The endpoints by name: for counting requests and for breaking answers.

/// One endpoint of the server, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`
    Discovery,
    /// `/oauth/authorize`
    Authorize,
    /// `/oauth/token`
    Token,
    /// `/oauth/device/code`
    DeviceAuthorization,
    /// `/device`: the page where a person types the user code.
    DevicePage,
    /// `/login`
    Login,
    /// `/oauth/userinfo`
    UserInfo,
    /// `/oauth/tokeninfo`
    TokenInfo,
    /// `/oauth/introspect`
    Introspection,
    /// `/oauth/revoke`
    Revocation,
    /// `/.well-known/jwks.json`
    Jwks,
    /// `/health`
    Health,
    /// Everything below `/api/`: a protected resource that echoes the request.
    Api,
    /// Every request, also one to a path that does not exist.
    Any,
}

impl Endpoint {
    /// The endpoint at this path, counted from the issuer.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/.well-known/openid-configuration" => Some(Self::Discovery),
            "/oauth/authorize" => Some(Self::Authorize),
            "/oauth/token" => Some(Self::Token),
            "/oauth/device/code" => Some(Self::DeviceAuthorization),
            "/device" => Some(Self::DevicePage),
            "/login" => Some(Self::Login),
            "/oauth/userinfo" => Some(Self::UserInfo),
            "/oauth/tokeninfo" => Some(Self::TokenInfo),
            "/oauth/introspect" => Some(Self::Introspection),
            "/oauth/revoke" => Some(Self::Revocation),
            "/.well-known/jwks.json" => Some(Self::Jwks),
            "/health" => Some(Self::Health),
            path if path.starts_with("/api/") => Some(Self::Api),
            _ => None,
        }
    }

    pub(crate) fn covers(self, endpoint: Option<Self>) -> bool {
        self == Self::Any || endpoint == Some(self)
    }
}
