//! The grants: what a client sends to the token endpoint, and how often it may. The device code
//! grant is in `device_authorization.rs`, beside the request that starts it.

use super::OAuthClient;
use crate::config::ClientAuthentication;
use crate::error::{Error, Result};
use crate::http::Retry;
use crate::secret::Secret;
use crate::token::Token;

impl OAuthClient {
    /// Requests a token for the client itself: the client credentials grant (RFC 6749 section 4.4).
    ///
    /// Without scopes it asks for all that the client may have.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] without a secret, for a parameter that the request sets itself, and when the
    /// token cannot be used; [`Error::OAuth`] when the server refuses (`invalid_client`,
    /// `unauthorized_client`, `invalid_scope`); [`Error::WrongServer`] when nothing is at the token
    /// endpoint, or a redirect; [`Error::Transport`] and [`Error::Response`] after up to 3 attempts.
    pub async fn client_credentials(&self, scopes: &[String]) -> Result<Token> {
        self.client_credentials_with(scopes, Retry::Idempotent)
            .await
    }

    pub(crate) async fn client_credentials_with(
        &self,
        scopes: &[String],
        retry: Retry,
    ) -> Result<Token> {
        const OPERATION: &str = "client credentials grant";

        if self.client_secret.is_none() {
            return Err(Error::permanent("client credentials need a client secret"));
        }
        let scope = scopes.join(" ");
        let mut parameters = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        let token = self.grant(OPERATION, &parameters, retry).await?;
        Ok(token.or_asked_for(scopes))
    }

    /// Requests the next token in place of `previous`: the refresh token grant (RFC 6749 section
    /// 6).
    ///
    /// If the answer leaves out the refresh token or the scope, the new token takes it over from
    /// `previous`. We send the request once, and again only if the server cannot have seen it: with
    /// rotation on, using a refresh token twice ends the login.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when `previous` has no refresh token, or when the new token names another
    /// issuer; [`Error::OAuth`] when the server refuses, and [`Error::needs_login`] then tells whether
    /// the login has ended; otherwise as for [`OAuthClient::client_credentials`].
    pub async fn refresh_token(&self, previous: &Token) -> Result<Token> {
        const OPERATION: &str = "refresh token grant";

        let Some(refresh_token) = &previous.refresh_token else {
            return Err(Error::permanent(
                "the token cannot be refreshed: the server gave no refresh token with it",
            ));
        };
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ];
        let token = self
            .grant(OPERATION, &parameters, Retry::OnlyUnsent)
            .await?;
        Ok(self.check_issuer(OPERATION, token)?.or_from(previous))
    }

    /// Exchanges an authorization code for a token (RFC 6749 section 4.1.3) with PKCE (RFC 7636
    /// section 4.5).
    ///
    /// `redirect_uri` must be exactly the one of the authorization request. A code is valid for one
    /// use, so we repeat the request only if the server cannot have seen it.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the token names another issuer; [`Error::OAuth`] when the server refuses
    /// (`invalid_grant`: the code has expired or was used before); otherwise as for
    /// [`OAuthClient::client_credentials`].
    pub async fn exchange_auth_code(
        &self,
        code: &Secret,
        redirect_uri: &str,
        code_verifier: &Secret,
    ) -> Result<Token> {
        const OPERATION: &str = "authorization code grant";

        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", code_verifier.expose()),
        ];
        let mut client = self.clone();
        // AuthGate reads the secret of this grant from the body only, whatever discovery says.
        client
            .client_authentication
            .get_or_insert(ClientAuthentication::Body);
        let token = client
            .grant(OPERATION, &parameters, Retry::OnlyUnsent)
            .await?;
        self.check_issuer(OPERATION, token)
    }
}
