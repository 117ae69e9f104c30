use authgate_dev_server::DevServer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use crate::{Ended, Home};

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
    /// Returns the 16 lines of the README for this login.
    pub fn block(&self, server: &DevServer, expires_in: u64) -> String {
        let left = u64::try_from((self.expires_at - Timestamp::now().as_second()).max(0)).unwrap();
        assert!(
            left.abs_diff(expires_in) <= 10,
            "the run printed {expires_in} s, and {left} s are left"
        );

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
            expires_at = Timestamp::from_second(self.expires_at)
                .unwrap()
                .strftime("%Y-%m-%dT%H:%M:%SZ"),
            scope = self.scope,
            id_token = masked(&self.id_token),
            client_id = self.client_id,
            issuer = server.url(),
            exp = claim(&self.access_token, "exp"),
        )
    }
}

/// Masks a token as the README does.
pub fn masked(token: &str) -> String {
    if token.len() > 8 {
        format!("{}...", &token[..8])
    } else {
        "****".to_owned()
    }
}

fn claim(token: &str, name: &str) -> Value {
    let payload = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()[name].clone()
}

impl Ended {
    /// Checks that the run printed the whole block about this login, and nothing else.
    #[track_caller]
    pub fn shows(&self, stored: &StoredLogin, server: &DevServer) {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(
            self.stdout,
            stored.block(server, self.number("Expires In")),
            "{}",
            self.stderr
        );
    }

    /// Checks that the run printed the whole block about the stored login of the server's public
    /// client.
    #[track_caller]
    pub fn shows_stored(&self, home: &Home, server: &DevServer) {
        self.shows(&home.stored(server.public_client()).unwrap(), server);
    }

    /// Checks that the run showed the login of the server's user and left no files. Returns its
    /// notices.
    #[track_caller]
    pub fn goes_on_without_saving(&self, home: &Home, server: &DevServer) -> String {
        assert_eq!(
            (self.status, self.value("Subject")),
            (Some(0), server.user().subject.as_str()),
            "{self:?}"
        );
        assert_eq!(home.leftovers(), [""; 0]);
        self.notices()
    }

    /// Checks that the run failed and printed nothing. Returns its notices.
    #[track_caller]
    pub fn failure(&self, status: i32) -> String {
        self.fails_with(status, &[]);
        self.notices()
    }

    /// Returns standard error without the lines that do not matter to most tests: the prompt, which
    /// becomes a mark, why no browser can be opened, where the login is saved, and that a slow
    /// store makes us wait.
    pub fn notices(&self) -> String {
        let unsaid = [
            "The login is saved unencrypted in ",
            "Waiting for the stored login",
            "No browser can be opened",
        ];
        let said = self.said();
        let lines = said
            .split_inclusive('\n')
            .filter(|line| !unsaid.iter().any(|start| line.starts_with(start)));
        let said: String = lines.collect();
        let Some((before, prompt)) = said.split_once("To log in") else {
            return said;
        };
        let end = if prompt.starts_with(", open this page in a browser") {
            "or use the device flow.\n"
        } else {
            "if you started this login.\n\n"
        };
        let (_, after) = prompt
            .split_once(end)
            .expect("the prompt ends with these words");
        format!("{before}[prompt]\n{after}")
    }
}
