//! The two resources of an AuthGate server that describe a token.

use serde_json::{Map, Value};
use url::Url;

use crate::client::{OAuthClient, configured};
use crate::error::Result;
use crate::http::{Retry, bearer, get_json};
use crate::json::string;
use crate::secret::Secret;
use crate::token::read_scope;

/// The person that a token belongs to (OpenID Connect Core section 5.3).
///
/// Members that the server left out, or sent with another type, are `None`: AuthGate sends most of
/// them only with the scope `profile` or `email`. All are as the server wrote them, so pass them
/// through [`excerpt`](crate::excerpt) before you show them to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// The person's identifier at this issuer.
    pub sub: Option<String>,
    /// The issuer.
    pub iss: Option<String>,
    /// The full name.
    pub name: Option<String>,
    /// The short name that the person uses.
    pub preferred_username: Option<String>,
    /// The URL of a picture.
    pub picture: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the server has verified that the address is the person's.
    pub email_verified: Option<bool>,
    /// When the profile was last changed, in epoch seconds.
    pub updated_at: Option<i64>,
}

/// AuthGate's description of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// Whether the token can be used.
    pub active: bool,
    /// The person's identifier, or `client:` and the client's identifier for a machine.
    pub user_id: Option<String>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
    /// The token's scopes, separated by spaces.
    pub scope: Option<String>,
    /// The token's expiry in epoch seconds.
    pub exp: Option<i64>,
    /// The issuer.
    pub iss: Option<String>,
    /// `user` or `client`.
    pub subject_type: Option<String>,
}

impl OAuthClient {
    /// Asks the userinfo endpoint who `access_token` belongs to.
    ///
    /// # Errors
    ///
    /// [`Error::Other`](crate::Error::Other) without a userinfo endpoint;
    /// [`Error::OAuth`](crate::Error::OAuth) with `invalid_token` for a token that has expired or
    /// was revoked, and for a machine's token (`User not found`); otherwise the error of the
    /// request.
    pub async fn userinfo(&self, access_token: &Secret) -> Result<UserInfo> {
        let url = configured(self.endpoints().userinfo_url.as_ref(), "userinfo")?;
        let object = self.get("userinfo", url, access_token).await?;
        let text = |name| string(&object, name).map(str::to_owned);
        Ok(UserInfo {
            sub: text("sub"),
            iss: text("iss"),
            name: text("name"),
            preferred_username: text("preferred_username"),
            picture: text("picture"),
            email: text("email"),
            email_verified: object.get("email_verified").and_then(Value::as_bool),
            updated_at: object.get("updated_at").and_then(Value::as_i64),
        })
    }

    /// Asks AuthGate's tokeninfo endpoint about `access_token`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`OAuthClient::userinfo`].
    pub async fn token_info(&self, access_token: &Secret) -> Result<TokenInfo> {
        let url = configured(self.endpoints().token_info_url.as_ref(), "tokeninfo")?;
        let object = self.get("tokeninfo", url, access_token).await?;
        let text = |name| string(&object, name).map(str::to_owned);
        Ok(TokenInfo {
            active: object
                .get("active")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            user_id: text("user_id"),
            client_id: text("client_id"),
            scope: object.get("scope").and_then(read_scope),
            exp: object.get("exp").and_then(Value::as_i64),
            iss: text("iss"),
            subject_type: text("subject_type"),
        })
    }

    async fn get(
        &self,
        operation: &'static str,
        url: &Url,
        access_token: &Secret,
    ) -> Result<Map<String, Value>> {
        let mut request = get_json(url);
        request
            .headers_mut()
            .insert(http::header::AUTHORIZATION, bearer(access_token)?);
        self.http()
            .send(operation, request, Retry::Idempotent)
            .await?
            .object()
    }
}
