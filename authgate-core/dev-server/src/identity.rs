//! The two clients and the user. Their credentials are public.

/// The grant types of the token endpoint, as `grant_type` spells them.
pub mod grant_type {
    /// RFC 6749 section 4.1.
    pub const AUTHORIZATION_CODE: &str = "authorization_code";
    /// RFC 8628 section 3.4.
    pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    /// RFC 6749 section 6.
    pub const REFRESH_TOKEN: &str = "refresh_token";
    /// RFC 6749 section 4.4.
    pub const CLIENT_CREDENTIALS: &str = "client_credentials";
}

/// A registered client (RFC 6749 section 2).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// The `client_secret`; `None` for a public client.
    pub secret: Option<String>,
    /// The name on the consent page.
    pub(crate) name: String,
    /// The redirect URIs it is registered with; a test can register more.
    pub(crate) redirect_uris: Vec<String>,
    /// The scopes it may request.
    pub(crate) scopes: Vec<String>,
    /// The grant types it may use.
    pub(crate) grant_types: Vec<String>,
}

impl Client {
    /// Creates a client that can keep a secret, with all four grants.
    pub(crate) fn confidential(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: Some(secret.to_owned()),
            name: "Development service".to_owned(),
            redirect_uris: default_redirect_uris(),
            scopes: default_scopes(),
            grant_types: owned(&[
                grant_type::AUTHORIZATION_CODE,
                grant_type::DEVICE_CODE,
                grant_type::REFRESH_TOKEN,
                grant_type::CLIENT_CREDENTIALS,
            ]),
        }
    }

    /// Creates a client on a person's computer: without a secret, and so without
    /// `client_credentials`.
    pub(crate) fn public(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            name: "Development CLI".to_owned(),
            redirect_uris: default_redirect_uris(),
            scopes: default_scopes(),
            grant_types: owned(&[
                grant_type::AUTHORIZATION_CODE,
                grant_type::DEVICE_CODE,
                grant_type::REFRESH_TOKEN,
            ]),
        }
    }

    pub(crate) fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    pub(crate) fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|allowed| allowed == grant_type)
    }
}

/// The person who can log in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct User {
    /// The user name for the login page.
    pub username: String,
    /// The password for the login page.
    pub password: String,
    /// The `sub` claim.
    pub subject: String,
    /// The `name` claim, with scope `profile`.
    pub name: String,
    /// The `email` claim, with scope `email`.
    pub email: String,
}

impl User {
    pub(crate) fn jane() -> Self {
        Self {
            username: "jane".to_owned(),
            password: "password".to_owned(),
            subject: "7f1b3c52-0d64-4a8e-9b1d-2f6c8e5a4d10".to_owned(),
            name: "Jane Doe".to_owned(),
            email: "jane@example.com".to_owned(),
        }
    }
}

fn default_redirect_uris() -> Vec<String> {
    owned(&[
        "http://127.0.0.1:8088/callback",
        "http://localhost:8888/callback",
    ])
}

fn default_scopes() -> Vec<String> {
    owned(&[
        "openid",
        "profile",
        "email",
        "read",
        "write",
        "offline_access",
    ])
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
