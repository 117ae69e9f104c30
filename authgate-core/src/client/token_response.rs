//! The token endpoint's answer as it stands on the wire, read generously, and its way to a [`Token`].

use std::time::Duration;

use oauth2::{AccessToken, RefreshToken, Scope};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::http::seconds;
use crate::secret::Secret;
use crate::token::Token;

/// A token said to live longer is taken to live this long; keeps every sum with it in range.
const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What the `oauth2` crate reads for us in place of its own strict type: members of another type
/// than the RFC's are taken for missing, numbers may be strings, and nothing is judged here.
#[derive(Debug, Deserialize)]
pub(super) struct TokenResponse {
    #[serde(default = "no_access_token", deserialize_with = "access_token")]
    access_token: AccessToken,
    #[serde(default, deserialize_with = "token_type")]
    token_type: TokenType,
    #[serde(default, deserialize_with = "lifetime")]
    expires_in: Option<Duration>,
    #[serde(default, deserialize_with = "refresh_token")]
    refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "scope")]
    scope: Option<Vec<Scope>>,
    #[serde(default, deserialize_with = "id_token")]
    id_token: Option<Secret>,
}

/// The `token_type` as the server wrote it; empty when it did not.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct TokenType(String);

impl oauth2::TokenType for TokenType {}

impl oauth2::TokenResponse for TokenResponse {
    type TokenType = TokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scope.as_ref()
    }
}

/// The trait of the `oauth2` crate asks for it; an answer is read here and never written.
impl Serialize for TokenResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl TokenResponse {
    /// The domain's token, if this one can be used.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when there is no access token, when it has characters that do not belong
    /// into a header (RFC 6750 section 2.1), or when its type is not Bearer.
    pub(super) fn into_token(self, operation: &'static str, url: &str, obtained: Moment) -> Result<Token> {
        let refused = |reason: String| Err(Error::Protocol { operation, url: url.to_owned(), status: None, reason });
        let access_token = Secret::from(self.access_token.into_secret());
        if access_token.is_empty() {
            return refused("the answer has no access_token".to_owned());
        }
        if !access_token.is_visible_ascii() {
            return refused("the access_token has characters that no token has".to_owned());
        }
        // Required by RFC 6749 section 5.1; a server that leaves it out means the common one.
        let TokenType(token_type) = self.token_type;
        if token_type.is_empty() {
            tracing::warn!(operation, url, "the answer has no token_type: taken for Bearer");
        } else if !token_type.eq_ignore_ascii_case("bearer") {
            let known = ["DPoP", "PoP", "MAC", "N_A"].into_iter().find(|known| token_type.eq_ignore_ascii_case(known));
            let token_type = known.unwrap_or("one that is not known here");
            return refused(format!("the token's type is {token_type}, and this client can only use Bearer"));
        }
        Ok(Token {
            access_token,
            refresh_token: self.refresh_token.map(|token| Secret::from(token.into_secret())),
            id_token: self.id_token,
            token_type: "Bearer".to_owned(),
            scope: self.scope.map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")),
            obtained,
            lifetime: self.expires_in,
        })
    }
}

fn no_access_token() -> AccessToken {
    AccessToken::new(String::new())
}

fn access_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccessToken, D::Error> {
    Ok(AccessToken::new(text_member(deserializer)?.unwrap_or_default()))
}

fn token_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TokenType, D::Error> {
    Ok(TokenType(text_member(deserializer)?.unwrap_or_default()))
}

fn refresh_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RefreshToken>, D::Error> {
    Ok(text_member(deserializer)?.map(RefreshToken::new))
}

fn scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Scope>>, D::Error> {
    let scope = text_member(deserializer)?;
    Ok(scope.map(|scope| scope.split_whitespace().map(|name| Scope::new(name.to_owned())).collect()))
}

fn id_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(text_member(deserializer)?.map(Secret::from))
}

/// A string that is there and not empty.
fn text_member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Ok(Some(text)),
        _ => Ok(None),
    }
}

/// Seconds as a number or as digits in a string; `null` says nothing. What is no number at all, or
/// negative, expires at once: the token serves the call that fetched it.
fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        value => seconds(&value),
    };
    let seconds = seconds.unwrap_or(0.0).floor().clamp(0.0, LONGEST_LIFETIME.as_secs_f64());
    Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}
