//! Who takes part: two clients and one user, all of them known to everybody.

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
    pub name: String,
    /// The redirect URIs it was registered with; a server can be told more of them later.
    pub redirect_uris: Vec<String>,
    /// The scopes it may ask for.
    pub scopes: Vec<String>,
    /// The grant types it may use.
    pub grant_types: Vec<String>,
}

impl Client {
    /// The client that can keep a secret: all four grants.
    pub(crate) fn confidential(id: String, secret: String) -> Self {
        Self {
            id,
            secret: Some(secret),
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

    /// The client on a person's computer: no secret, and therefore no `client_credentials`.
    pub(crate) fn public(id: String) -> Self {
        Self {
            id,
            secret: None,
            name: "Development CLI".to_owned(),
            redirect_uris: default_redirect_uris(),
            scopes: default_scopes(),
            grant_types: owned(&[grant_type::AUTHORIZATION_CODE, grant_type::DEVICE_CODE, grant_type::REFRESH_TOKEN]),
        }
    }

    /// Whether it has a secret.
    pub fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    pub(crate) fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|allowed| allowed == grant_type)
    }
}

/// The person who logs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct User {
    /// What to type at the login page.
    pub username: String,
    /// What to type at the login page.
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
    owned(&["http://127.0.0.1:8088/callback", "http://localhost:8888/callback"])
}

fn default_scopes() -> Vec<String> {
    owned(&["openid", "profile", "email", "read", "write", "offline_access"])
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
