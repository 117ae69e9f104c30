//! Reads and checks the discovery document, and finds the endpoints in it.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;

use super::Issuer;
use crate::config::{ClientAuthentication, PlainHttp, check_url};
use crate::json::string;
use crate::text;

/// A server's metadata (OpenID Connect Discovery 1.0 section 3), checked.
///
/// OpenID Connect libraries refuse AuthGate's document, because it has no `jwks_uri` if the server
/// signs with a shared key. We read only the parts that an OAuth client needs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Metadata {
    /// The issuer that was asked, and that the document names.
    pub issuer: Issuer,
    /// The endpoint that grants tokens.
    pub token_endpoint: Url,
    /// The page that a person's browser opens to log in.
    pub authorization_endpoint: Option<Url>,
    /// The endpoint that gives a device a code (RFC 8628); derived if the document does not name
    /// it.
    pub device_authorization_endpoint: Url,
    /// The endpoint that says who a token belongs to.
    pub userinfo_endpoint: Option<Url>,
    /// The endpoint that revokes a token (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// The endpoint that a resource server asks about a token (RFC 7662); derived if the document
    /// does not name it.
    pub introspection_endpoint: Url,
    /// AuthGate's own endpoint that describes a token; always derived.
    pub tokeninfo_endpoint: Url,
    /// How clients may authenticate at the token endpoint; empty if the document does not say.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether every authorization answer carries `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Checks whose document this is; the error says why it is not the one that we asked for.
    pub(super) fn check_issuer(
        document: &Map<String, Value>,
        issuer: &Issuer,
    ) -> Result<(), String> {
        let named = string(document, "issuer").ok_or(
            "the document names no issuer, so it is not an OpenID Connect discovery document",
        )?;
        if issuer.matches(named) {
            return Ok(());
        }
        let shown = text::excerpt(named, 200);
        Err(if named.contains("{tenantid}") {
            format!(
                "the document is for every tenant ({shown}). Put your tenant's ID into the URL, in place of common or \
                 organizations"
            )
        } else {
            format!("the document is for the issuer {shown}, not for {issuer}")
        })
    }

    /// Reads a discovery document; the error says why we refuse it. `is_https` says how the
    /// document was fetched, whatever the case of the issuer's scheme.
    pub(super) fn read(
        document: &Map<String, Value>,
        issuer: &Issuer,
        is_https: bool,
        plain_http: PlainHttp,
    ) -> Result<Self, String> {
        let check = |name: &str, text: &str| {
            let url =
                Url::parse(text).map_err(|reason| format!("its {name} is not a URL ({reason})"))?;
            // An https issuer may name only https endpoints, whatever else is allowed.
            if is_https && url.scheme() == "http" {
                return Err(format!(
                    "its {name} is plain http, and the issuer is https: the server is misconfigured"
                ));
            }
            check_url(&url, plain_http)
                .map_err(|reason| format!("its {name} is refused: {reason}"))?;
            Ok(url)
        };
        let endpoint = |name: &str| named_endpoint(document, name, check);
        let derived = |path: &str| check(path, &format!("{}{path}", issuer.as_str()));
        let derived_unless_named =
            |name: &str, path: &str| endpoint(name)?.map_or_else(|| derived(path), Ok);

        Ok(Self {
            issuer: issuer.clone(),
            token_endpoint: endpoint("token_endpoint")?
                .ok_or("the document has no token_endpoint: this server cannot grant tokens")?,
            authorization_endpoint: endpoint("authorization_endpoint")?,
            device_authorization_endpoint: derived_unless_named(
                "device_authorization_endpoint",
                "/oauth/device/code",
            )?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            introspection_endpoint: derived_unless_named(
                "introspection_endpoint",
                "/oauth/introspect",
            )?,
            tokeninfo_endpoint: derived("/oauth/tokeninfo")?,
            token_endpoint_auth_methods_supported: strings(
                document.get("token_endpoint_auth_methods_supported"),
            ),
            authorization_response_iss_parameter_supported: document
                .get("authorization_response_iss_parameter_supported")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
        })
    }

    /// Returns the endpoints in the form that [`OAuthClient`](crate::OAuthClient) takes.
    pub fn to_endpoints(&self) -> Endpoints {
        Endpoints {
            issuer: Some(self.issuer.clone()),
            authorization_response_iss_parameter_supported: self
                .authorization_response_iss_parameter_supported,
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

    /// Chooses the body if the document lists `client_secret_post`, otherwise Basic.
    ///
    /// Most servers accept both, and the body has no pitfalls: AuthGate compares Basic credentials
    /// as sent, without the form-decoding of RFC 6749 section 2.3.1, so a secret with `+`, `/`, `%`
    /// or `:` works in the body only.
    fn client_authentication(&self) -> ClientAuthentication {
        let methods = &self.token_endpoint_auth_methods_supported;
        if methods.iter().any(|method| method == "client_secret_post") {
            ClientAuthentication::Body
        } else {
            ClientAuthentication::Basic
        }
    }
}

/// The addresses of a server's endpoints, from [`Metadata::to_endpoints`] or set by hand.
///
/// `Debug` shows no query, because a query that was set by hand may carry a key.
#[derive(Clone)]
#[non_exhaustive]
pub struct Endpoints {
    /// The issuer, if discovery named it. We compare it with the `iss` of an authorization answer
    /// (RFC 9207 section 2.4).
    pub issuer: Option<Issuer>,
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
    /// Creates the endpoints of a server without discovery: a token endpoint, and the secret in the
    /// form.
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

/// Reads and checks an endpoint, if the document names it.
fn named_endpoint(
    document: &Map<String, Value>,
    name: &str,
    check: impl Fn(&str, &str) -> Result<Url, String>,
) -> Result<Option<Url>, String> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => check(name, text).map(Some),
        Some(_) => Err(format!("its {name} is not a string")),
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
