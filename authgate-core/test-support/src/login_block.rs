use authgate_dev_server::DevServer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use crate::Ended;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLogin {
    pub client_id: String,
    pub access_token: String,
    pub refresh_token: String,
    pub expires_at: i64,
    pub scope: String,
    pub id_token: String,
}

impl StoredLogin {
    /// The 16 lines of the README, about this login.
    pub fn block(&self, server: &DevServer, expires_in: u64) -> String {
        let left = u64::try_from((self.expires_at - Timestamp::now().as_second()).max(0)).unwrap();
        assert!(left.abs_diff(expires_in) <= 10, "{expires_in} s are said to be left of {left} s");

        let user = server.user();
        format!(
            "User: {name} ({email})\nSubject: {subject}\nAccess Token: {access_token}\nRefresh Token: {refresh_token}\n\
             Token Type: Bearer\nExpires In: {expires_in}\nExpires At: {expires_at}\nScope: {scope}\n\
             ID Token: {id_token}\nTokenInfo Active: True\nTokenInfo UserID: {subject}\n\
             TokenInfo ClientID: {client_id}\nTokenInfo Scope: profile email\nTokenInfo SubjectType: user\n\
             TokenInfo Issuer: {issuer}\nTokenInfo Exp: {exp}\n",
            name = user.name,
            email = user.email,
            subject = user.subject,
            access_token = masked(&self.access_token),
            refresh_token = masked(&self.refresh_token),
            expires_at = Timestamp::from_second(self.expires_at).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ"),
            scope = self.scope,
            id_token = masked(&self.id_token),
            client_id = self.client_id,
            issuer = server.url(),
            exp = claim(&self.access_token, "exp"),
        )
    }
}

/// What the README shows of a token.
pub fn masked(token: &str) -> String {
    if token.len() > 8 { format!("{}...", &token[..8]) } else { "****".to_owned() }
}

fn claim(token: &str, name: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()[name].clone()
}

impl Ended {
    /// The run printed the whole block about this login, and nothing else.
    #[track_caller]
    pub fn shows(&self, stored: &StoredLogin, server: &DevServer) {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(self.stdout, stored.block(server, self.number("Expires In")), "{}", self.stderr);
    }
}
