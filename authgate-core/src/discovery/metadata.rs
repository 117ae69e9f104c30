//! The discovery document, checked, and the endpoints it leads to.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;

use crate::config::{PlainHttp, check_url};
use crate::text;

/// What a server says of itself (OpenID Connect Discovery 1.0 section 3), checked.
///
/// OpenID Connect libraries refuse AuthGate's document, because it has no `jwks_uri` where the
/// server signs with a shared key; this reads what an OAuth client needs and no more.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Metadata {
    /// The issuer, without a trailing slash.
    pub issuer: String,
    /// Where tokens are granted.
    pub token_endpoint: Url,
    /// Where a person's browser is sent to log in.
    pub authorization_endpoint: Option<Url>,
    /// Where a device asks for a code (RFC 8628); derived when the document does not name it.
    pub device_authorization_endpoint: Url,
    /// Who a token belongs to.
    pub userinfo_endpoint: Option<Url>,
    /// Where a token is given back (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// Where a resource server asks about a token (RFC 7662); derived when the document does not name it.
    pub introspection_endpoint: Url,
    /// AuthGate's own description of a token; always derived.
    pub tokeninfo_endpoint: Url,
    /// How clients may authenticate at the token endpoint; empty when the document does not say.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether every authorization answer carries `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Reads a discovery document; the error is the reason for refusing it. `is_https` tells how it
    /// was fetched, whatever case the issuer's scheme is written in.
    pub(super) fn read(
        document: &Map<String, Value>,
        issuer: &str,
        is_https: bool,
        plain_http: PlainHttp,
    ) -> Result<Self, String> {
        let named = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        // Required to be identical (section 4.3); AuthGate and its SDKs agree to differ by one slash.
        if without_trailing_slash(named) != issuer {
            if named.is_empty() {
                return Err("the document names no issuer, so it is none of OpenID Connect discovery: check the \
                            server's URL (AUTHGATE_URL)"
                    .to_owned());
            }
            return Err(format!(
                "the document is for the issuer {}, and {} was asked: set the server's URL (AUTHGATE_URL) to the \
                 issuer, to the letter",
                text::excerpt(named, 200),
                text::printable(issuer),
            ));
        }
        let rule = EndpointRule { https_only: is_https, plain_http };
        let endpoint = |name: &str| rule.read(document, name);
        let derived = |path: &str| rule.check(path, &format!("{issuer}{path}"));
        let derived_unless_named = |name: &str, path: &str| endpoint(name)?.map_or_else(|| derived(path), Ok);

        Ok(Self {
            issuer: issuer.to_owned(),
            token_endpoint: endpoint("token_endpoint")?
                .ok_or("the document has no token_endpoint: this server cannot grant tokens")?,
            authorization_endpoint: endpoint("authorization_endpoint")?,
            device_authorization_endpoint: derived_unless_named("device_authorization_endpoint", "/oauth/device/code")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            introspection_endpoint: derived_unless_named("introspection_endpoint", "/oauth/introspect")?,
            tokeninfo_endpoint: derived("/oauth/tokeninfo")?,
            token_endpoint_auth_methods_supported: strings(document.get("token_endpoint_auth_methods_supported")),
            authorization_response_iss_parameter_supported: document
                .get("authorization_response_iss_parameter_supported")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
        })
    }

    /// The endpoints as [`OAuthClient`](crate::OAuthClient) takes them.
    pub fn to_endpoints(&self) -> Endpoints {
        Endpoints {
            issuer: Some(self.issuer.clone()),
            authorization_response_iss_parameter_supported: self.authorization_response_iss_parameter_supported,
            token_url: self.token_endpoint.clone(),
            authorize_url: self.authorization_endpoint.clone(),
            device_authorization_url: Some(self.device_authorization_endpoint.clone()),
            revocation_url: self.revocation_endpoint.clone(),
            introspection_url: Some(self.introspection_endpoint.clone()),
            userinfo_url: self.userinfo_endpoint.clone(),
            token_info_url: Some(self.tokeninfo_endpoint.clone()),
            client_authentication: self.client_authentication(),
        }
    }

    /// The body when the document lists `client_secret_post`, else Basic.
    ///
    /// Both are open at most servers, and the body has no pitfalls: AuthGate compares Basic
    /// credentials as sent, without the form-decoding of RFC 6749 section 2.3.1, so that a secret
    /// with `+`, `/`, `%` or `:` gets through in the body only.
    fn client_authentication(&self) -> ClientAuthentication {
        let methods = &self.token_endpoint_auth_methods_supported;
        if methods.iter().any(|method| method == "client_secret_post") {
            ClientAuthentication::Body
        } else {
            ClientAuthentication::Basic
        }
    }
}

/// How a confidential client shows its secret (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_id` and `client_secret` in the form: `client_secret_post`.
    Body,
    /// An `Authorization: Basic` header, form-encoded: `client_secret_basic`.
    Basic,
}

/// Where a client sends what; from [`Metadata::to_endpoints`] or by hand.
///
/// `Debug` shows no query: one that was given by hand may carry a key.
#[derive(Clone)]
#[non_exhaustive]
pub struct Endpoints {
    /// The issuer, without a trailing slash, where discovery has told it; what the `iss` of an
    /// authorization answer is compared with (RFC 9207 section 2.4).
    pub issuer: Option<String>,
    /// Whether every authorization answer must carry `iss`.
    pub authorization_response_iss_parameter_supported: bool,
    /// The token endpoint (RFC 6749 section 3.2).
    pub token_url: Url,
    /// The authorization endpoint (RFC 6749 section 3.1).
    pub authorize_url: Option<Url>,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    pub device_authorization_url: Option<Url>,
    /// The revocation endpoint (RFC 7009).
    pub revocation_url: Option<Url>,
    /// The introspection endpoint (RFC 7662).
    pub introspection_url: Option<Url>,
    /// The userinfo endpoint (OpenID Connect Core section 5.3).
    pub userinfo_url: Option<Url>,
    /// AuthGate's tokeninfo endpoint.
    pub token_info_url: Option<Url>,
    /// How the client authenticates at these endpoints.
    pub client_authentication: ClientAuthentication,
}

impl Endpoints {
    /// For a server without discovery: a token endpoint, and the secret in the form.
    pub fn from_token_url(token_url: Url) -> Self {
        Self {
            issuer: None,
            authorization_response_iss_parameter_supported: false,
            token_url,
            authorize_url: None,
            device_authorization_url: None,
            revocation_url: None,
            introspection_url: None,
            userinfo_url: None,
            token_info_url: None,
            client_authentication: ClientAuthentication::Body,
        }
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Endpoints")
            .field("token_url", &text::printable_url(&self.token_url))
            .field("client_authentication", &self.client_authentication)
            .finish_non_exhaustive()
    }
}

/// Which endpoints a document may name: an https issuer only https ones, whatever else is allowed.
struct EndpointRule {
    https_only: bool,
    plain_http: PlainHttp,
}

impl EndpointRule {
    fn read(&self, document: &Map<String, Value>, name: &str) -> Result<Option<Url>, String> {
        match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => self.check(name, text).map(Some),
            Some(_) => Err(format!("its {name} is not a string")),
        }
    }

    fn check(&self, name: &str, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|reason| format!("its {name} is not a URL ({reason})"))?;
        if self.https_only && url.scheme() == "http" {
            return Err(format!("its {name} is plain http, and the issuer is https: the server is misconfigured"));
        }
        check_url(&url, self.plain_http).map_err(|reason| format!("its {name} is refused: {reason}"))?;
        Ok(url)
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn without_trailing_slash(url: &str) -> &str {
    url.strip_suffix('/').unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_https_issuer_names_no_http_endpoint_whatever_else_is_allowed() {
        let issuer = "HTTPS://auth.example";
        for endpoint in ["http://evil.example/token", "http://127.0.0.1/token"] {
            let document = Map::from_iter([
                ("issuer".to_owned(), Value::from(issuer)),
                ("token_endpoint".to_owned(), Value::from(endpoint)),
            ]);
            let refusal = Metadata::read(&document, issuer, true, PlainHttp::Anywhere).unwrap_err();
            assert!(refusal.contains("token_endpoint is plain http"), "{refusal}");
        }
    }
}
