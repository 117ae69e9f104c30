//! The settings, which can change while the server runs.

use std::time::Duration;

/// How the server behaves; see [`DevServer::change`](crate::DevServer::change).
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switch is independent of the others"
)]
pub struct Settings {
    /// The lifetime of access tokens. `expires_in` is a second less, as with AuthGate, which rounds the remaining
    /// time down when it answers. Default: 1 hour.
    pub access_token_lifetime: Duration,
    /// The lifetime of refresh tokens. Default: 30 days.
    pub refresh_token_lifetime: Duration,
    /// The lifetime of authorization codes. Default: 10 minutes.
    pub authorization_code_lifetime: Duration,
    /// The lifetime of device codes. Default: 30 minutes.
    pub device_code_lifetime: Duration,
    /// The polling interval of the device flow, in whole seconds. Default: 5 s.
    pub device_code_interval: Duration,
    /// Whether a poll that comes too soon gets `slow_down` and lengthens that code's interval by 5 s (RFC 8628
    /// section 3.5). AuthGate does not send it today, but clients have to be ready for it. Default: on.
    pub slow_down: bool,
    /// Whether each refresh returns a new refresh token, and the use of an old one revokes all tokens of the same
    /// login. Default: off, as with AuthGate.
    pub rotate_refresh_tokens: bool,
    /// Whether the server limits the requests per address and minute: token 20, device code 10, introspection 20,
    /// login 5. AuthGate's default is on. Here it is off, because tests send more requests than that.
    pub rate_limits: bool,
    /// Whether userinfo answers 401 `User not found` to a machine's token, as AuthGate does today, instead of 200
    /// with `sub` and `client_id`. Default: off.
    pub user_not_found_for_machines: bool,
    /// Whether a wrong `client_id` or `redirect_uri` at the authorization endpoint gets an error page, so that the
    /// client gets no response (RFC 6749 section 4.1.2.1). Default: off, as with AuthGate, which redirects with the error
    /// to whatever URI was asked for.
    pub authorization_error_pages: bool,
    /// Whether a public client that sends a secret is refused with `invalid_client`. Default: off, as with AuthGate,
    /// which shows a secret for public clients too and ignores it.
    pub refuse_secret_of_public_client: bool,
    /// The grant types that both clients may not use: `unauthorized_client`. Default: none.
    pub disabled_grant_types: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_lifetime: Duration::from_secs(60 * 60),
            refresh_token_lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            authorization_code_lifetime: Duration::from_secs(10 * 60),
            device_code_lifetime: Duration::from_secs(30 * 60),
            device_code_interval: Duration::from_secs(5),
            slow_down: true,
            rotate_refresh_tokens: false,
            rate_limits: false,
            user_not_found_for_machines: false,
            authorization_error_pages: false,
            refuse_secret_of_public_client: false,
            disabled_grant_types: Vec::new(),
        }
    }
}
