//! The report about a login: as text, exactly as in the README, or as JSON.

use std::fmt::{self, Display};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use authgate_core::{
    Error, Logout, Prompt as _, Settings, Token, TokenInfo, UserInfo, excerpt, mask,
};
use jiff::Timestamp;
use serde_json::json;

use crate::terminal::Terminal;

/// A login, printed safely: tokens are masked, and text from the server is escaped.
pub(crate) struct Report<'a> {
    pub(crate) token: &'a Token,
    pub(crate) user: Result<UserInfo, Error>,
    pub(crate) token_info: Result<TokenInfo, Error>,
}

impl Report<'_> {
    pub(crate) fn json(&self) -> Result<String> {
        let mut json = match &self.user {
            Ok(user) => json!({ "user": full_name(user), "subject": safe(user.sub.as_ref()) }),
            Err(error) => json!({ "user_info_error": Settings::explain(error) }),
        };
        json["access_token"] = json!(mask(&self.token.access_token));
        json["refresh_token"] = json!(mask(self.token.refresh_token.as_ref()));
        json["token_type"] = json!(shown(&self.token.token_type));
        let remaining = self.token.expires_in();
        json["expires_in"] = json!(remaining.map(whole_seconds));
        json["expires_at"] = json!(remaining.and_then(date_of_expiry));
        json["scope"] = json!(safe(self.token.scope.as_ref()));
        json["id_token"] = json!(mask(self.token.id_token.as_ref()));
        json["token_info"] = match &self.token_info {
            Ok(info) => json!({
                "active": info.active,
                "user_id": safe(info.user_id.as_ref()),
                "client_id": safe(info.client_id.as_ref()),
                "scope": safe(info.scope.as_ref()),
                "subject_type": safe(info.subject_type.as_ref()),
                "issuer": safe(info.iss.as_ref()),
                "exp": info.exp,
            }),
            Err(error) => json!({ "error": Settings::explain(error) }),
        };
        Ok(serde_json::to_string_pretty(&json)?)
    }

    /// Returns the exit code. If the server did not answer about the user or the token, we print
    /// the rest and report a failure.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.user.is_ok() && self.token_info.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access_token = mask(&self.token.access_token);
        let refresh_token = mask(self.token.refresh_token.as_ref());
        let remaining = self.token.expires_in();
        let expires_in = remaining.map(whole_seconds);
        let expires_at = remaining.and_then(date_of_expiry);
        match &self.user {
            Ok(user) => {
                writeln!(out, "User: {}", full_name(user))?;
                writeln!(out, "Subject: {}", or_empty(user.sub.as_ref()))?;
            }
            Err(error) => {
                let error = Settings::explain(error);
                writeln!(out, "Token: {access_token} (UserInfo error: {error})")?;
            }
        }
        writeln!(out, "Access Token: {access_token}")?;
        writeln!(out, "Refresh Token: {refresh_token}")?;
        writeln!(out, "Token Type: {}", shown(&self.token.token_type))?;
        writeln!(out, "Expires In: {}", or_unknown(expires_in))?;
        writeln!(out, "Expires At: {}", or_unknown(expires_at))?;
        writeln!(out, "Scope: {}", or_empty(self.token.scope.as_ref()))?;
        writeln!(out, "ID Token: {}", mask(self.token.id_token.as_ref()))?;
        match &self.token_info {
            Ok(info) => {
                let active = if info.active { "True" } else { "False" };
                writeln!(out, "TokenInfo Active: {active}")?;
                writeln!(out, "TokenInfo UserID: {}", or_empty(info.user_id.as_ref()))?;
                writeln!(
                    out,
                    "TokenInfo ClientID: {}",
                    or_empty(info.client_id.as_ref())
                )?;
                writeln!(out, "TokenInfo Scope: {}", or_empty(info.scope.as_ref()))?;
                writeln!(
                    out,
                    "TokenInfo SubjectType: {}",
                    or_empty(info.subject_type.as_ref())
                )?;
                writeln!(out, "TokenInfo Issuer: {}", or_empty(info.iss.as_ref()))?;
                write!(out, "TokenInfo Exp: {}", or_unknown(info.exp))
            }
            Err(error) => write!(out, "TokenInfo error: {}", Settings::explain(error)),
        }
    }
}

/// Reports what `--logout` did, and what it could not do. `keyring` says whether the keyring was
/// asked.
pub(crate) fn logged_out(logout: &Logout, keyring: bool, terminal: &Terminal) -> Result<ExitCode> {
    let warn = |warning: &str| terminal.show(&format!("warning: {warning}"));
    for error in &logout.not_read {
        warn(&format!("not logged out: {}", Settings::explain(error)));
    }
    let is_same_reason =
        |one: &NotRevoked, other: &NotRevoked| one.1.to_string() == other.1.to_string();
    for tokens in logout.not_revoked.chunk_by(is_same_reason) {
        warn(&not_revoked(tokens));
    }
    for error in &logout.not_deleted {
        warn(&format!("not deleted: {}", Settings::explain(error)));
    }
    let is_deleted = logout.not_deleted.is_empty() && logout.not_read.is_empty();
    let status = if is_deleted && logout.not_revoked.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    let said = match (logout.was_logged_in, is_deleted) {
        (true, true) => "Logged out.",
        (true, false) => "Not logged out everywhere.",
        (false, true) if keyring => "Nobody was logged in.",
        (false, true) => "No login was found in the file.",
        (false, false) => "Not logged out.",
    };
    super::print(said, status)
}

type NotRevoked = (&'static str, Error);

/// Describes tokens that were not revoked for the same reason.
fn not_revoked(tokens: &[NotRevoked]) -> String {
    let has = |wanted| tokens.iter().any(|(name, _)| *name == wanted);
    let (names, verb, pronoun) = match (has("refresh token"), has("access token")) {
        (true, true) => (
            "refresh and access tokens",
            "were",
            "them until they expire",
        ),
        (true, false) => ("refresh token", "was", "it until it expires"),
        _ => ("access token", "was", "it until it expires"),
    };
    let reason = tokens.first().map(|(_, error)| Settings::explain(error));
    format!(
        "the {names} {verb} not revoked, and the server may accept {pronoun}: {}",
        reason.unwrap_or_default()
    )
}

/// Returns `Jane Doe (jane@example.com)`, or the known part of it.
fn full_name(user: &UserInfo) -> String {
    let name = user
        .name
        .as_deref()
        .or(user.preferred_username.as_deref())
        .or(user.sub.as_deref());
    let name = shown(name.unwrap_or("unknown"));
    match &user.email {
        Some(email) => format!("{name} ({})", shown(email)),
        None => name,
    }
}

/// Rounds to the nearest second, because the token was granted for whole seconds and a moment has
/// passed.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_millis() >= 500)
}

fn date_of_expiry(remaining: Duration) -> Option<String> {
    let expiry = SystemTime::now()
        .checked_add(remaining)?
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    let seconds = i64::try_from(whole_seconds(expiry)).ok()?;
    Timestamp::from_second(seconds)
        .ok()
        .map(|expiry| expiry.to_string())
}

/// Escapes text so that a person can read it, and shortens it to a few lines.
fn shown(text: &str) -> String {
    excerpt(text, 300)
}

fn safe(text: Option<&String>) -> Option<String> {
    text.map(|text| shown(text))
}

fn or_empty(text: Option<&String>) -> String {
    safe(text).unwrap_or_default()
}

fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}
