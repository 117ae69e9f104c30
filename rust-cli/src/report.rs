//! The report about a login: as text, exactly as in the README, or as JSON.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use authgate_core::clock::{Clock, SystemClock};
use authgate_core::login::Logout;
use authgate_core::text::excerpt;
use authgate_core::{Error, Token, TokenInfo, UserInfo, mask};
use jiff::Timestamp;
use serde::Serialize;

use crate::terminal::say;

/// A login, safe to print: tokens are masked, and text from the server is escaped.
#[derive(Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    user: User,
    access_token: String,
    refresh_token: String,
    token_type: String,
    expires_in: Option<u64>,
    expires_at: Option<String>,
    scope: Option<String>,
    id_token: String,
    token_info: Description,
}

#[derive(Serialize)]
#[serde(untagged)]
enum User {
    Known {
        user: String,
        subject: Option<String>,
    },
    Unknown {
        user_info_error: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Description {
    Known {
        active: bool,
        user_id: Option<String>,
        client_id: Option<String>,
        scope: Option<String>,
        subject_type: Option<String>,
        issuer: Option<String>,
        exp: Option<i64>,
    },
    Unknown {
        error: String,
    },
}

impl Report {
    pub(crate) fn new(
        token: &Token,
        user: Result<UserInfo, Error>,
        token_info: Result<TokenInfo, Error>,
    ) -> Self {
        let remaining = token
            .lifetime
            .map(|lifetime| lifetime.saturating_sub(SystemClock.now().since(token.obtained)));
        Self {
            user: match user {
                Ok(user) => User::Known {
                    user: full_name(&user),
                    subject: safe(user.sub.as_ref()),
                },
                Err(error) => User::Unknown {
                    user_info_error: in_one_line(&error),
                },
            },
            access_token: token.access_token.masked(),
            refresh_token: mask(token.refresh_token.as_ref()),
            token_type: shown(&token.token_type),
            expires_in: remaining.map(whole_seconds),
            expires_at: remaining.and_then(date_of_expiry),
            scope: token.scope.as_deref().map(shown),
            id_token: mask(token.id_token.as_ref()),
            token_info: match token_info {
                Ok(info) => Description::Known {
                    active: info.active,
                    user_id: safe(info.user_id.as_ref()),
                    client_id: safe(info.client_id.as_ref()),
                    scope: safe(info.scope.as_ref()),
                    subject_type: safe(info.subject_type.as_ref()),
                    issuer: safe(info.iss.as_ref()),
                    exp: info.exp,
                },
                Err(error) => Description::Unknown {
                    error: in_one_line(&error),
                },
            },
        }
    }

    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Returns the exit code. If a part of the login could not be found out, the rest is printed,
    /// but the exit code is a failure.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match (&self.user, &self.token_info) {
            (User::Known { .. }, Description::Known { .. }) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            User::Known { user, subject } => {
                writeln!(formatter, "User: {user}")?;
                writeln!(formatter, "Subject: {}", or_nothing(subject.as_ref()))?;
            }
            User::Unknown { user_info_error } => {
                writeln!(
                    formatter,
                    "Token: {} (UserInfo error: {user_info_error})",
                    self.access_token
                )?;
            }
        }
        writeln!(formatter, "Access Token: {}", self.access_token)?;
        writeln!(formatter, "Refresh Token: {}", self.refresh_token)?;
        writeln!(formatter, "Token Type: {}", self.token_type)?;
        writeln!(
            formatter,
            "Expires In: {}",
            self.expires_in
                .map_or("unknown".to_owned(), |left| left.to_string())
        )?;
        writeln!(
            formatter,
            "Expires At: {}",
            self.expires_at.as_deref().unwrap_or("unknown")
        )?;
        writeln!(formatter, "Scope: {}", or_nothing(self.scope.as_ref()))?;
        writeln!(formatter, "ID Token: {}", self.id_token)?;
        match &self.token_info {
            Description::Known {
                active,
                user_id,
                client_id,
                scope,
                subject_type,
                issuer,
                exp,
            } => {
                writeln!(
                    formatter,
                    "TokenInfo Active: {}",
                    if *active { "True" } else { "False" }
                )?;
                writeln!(
                    formatter,
                    "TokenInfo UserID: {}",
                    or_nothing(user_id.as_ref())
                )?;
                writeln!(
                    formatter,
                    "TokenInfo ClientID: {}",
                    or_nothing(client_id.as_ref())
                )?;
                writeln!(formatter, "TokenInfo Scope: {}", or_nothing(scope.as_ref()))?;
                writeln!(
                    formatter,
                    "TokenInfo SubjectType: {}",
                    or_nothing(subject_type.as_ref())
                )?;
                writeln!(
                    formatter,
                    "TokenInfo Issuer: {}",
                    or_nothing(issuer.as_ref())
                )?;
                write!(
                    formatter,
                    "TokenInfo Exp: {}",
                    exp.map_or("unknown".to_owned(), |exp| exp.to_string())
                )
            }
            Description::Unknown { error } => write!(formatter, "TokenInfo error: {error}"),
        }
    }
}

/// Reports what `--logout` did, and what it could not do.
pub(crate) fn logged_out(logout: &Logout) -> Result<ExitCode> {
    for (token, error) in &logout.not_revoked {
        say(format_args!(
            "warning: the {token} was not revoked, and the server may accept it until it expires: {error}"
        ));
    }
    for error in &logout.not_deleted {
        say(format_args!("warning: not deleted: {error}"));
    }
    let is_complete = logout.not_revoked.is_empty() && logout.not_deleted.is_empty();
    let status = if is_complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    let said = match (logout.was_logged_in, logout.not_deleted.is_empty()) {
        (true, true) => "Logged out.",
        (false, true) => "Nobody was logged in.",
        (_, false) => "Not logged out everywhere.",
    };
    super::print(said, status)
}

/// Returns `Jane Doe (jane@example.com)`, or the known part of it.
fn full_name(user: &UserInfo) -> String {
    let name = user
        .name
        .as_ref()
        .or(user.preferred_username.as_ref())
        .or(user.sub.as_ref());
    let name = shown(name.map_or("unknown", String::as_str));
    match &user.email {
        Some(email) => format!("{name} ({})", shown(email)),
        None => name,
    }
}

fn in_one_line(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
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

fn safe(text: Option<&String>) -> Option<String> {
    text.map(|text| shown(text))
}

/// Escapes text so that a person can read it, and shortens it to a few lines.
fn shown(text: &str) -> String {
    excerpt(text, 300)
}

fn or_nothing(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}
