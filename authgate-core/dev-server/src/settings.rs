//! The knobs that can be turned while the server runs.

use std::time::Duration;

/// How the server behaves; see [`DevServer::change`](crate::DevServer::change).
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each switch is independent of the others")]
pub struct Settings {
    /// How long access tokens live. `expires_in` is a second less, as with AuthGate, which rounds
    /// down what is left when it answers. Default: one hour.
    pub access_token_lifetime: Duration,
    /// How long refresh tokens live. Default: 30 days.
    pub refresh_token_lifetime: Duration,
    /// How long an authorization code can be exchanged. Default: 10 minutes.
    pub authorization_code_lifetime: Duration,
    /// How long a device code can be approved and exchanged. Default: 30 minutes.
    pub device_code_lifetime: Duration,
    /// How long a client has to wait between two polls, in whole seconds. Default: 5 s.
    pub device_code_interval: Duration,
    /// Whether a poll before the interval is over gets `slow_down` and lengthens that code's
    /// interval by 5 s (RFC 8628 section 3.5). Default: on. AuthGate does not send it today; a
    /// client that passes here keeps the standard all the same.
    pub slow_down: bool,
    /// Whether each refresh returns a new refresh token, and the use of an old one revokes every
    /// token that came of the same login. Default: off, as with AuthGate.
    pub rotate_refresh_tokens: bool,
    /// Whether requests are limited per address and minute: token 20, device code 10,
    /// introspection 20, login 5. AuthGate's default is on, this server's is off: tests and people
    /// who try things out ask more often than that.
    pub rate_limits: bool,
    /// Whether userinfo answers 401 `User not found` to a machine's token, as AuthGate does today,
    /// instead of 200 with `sub` and `client_id`. Default: off.
    pub user_not_found_for_machines: bool,
    /// Grant types that are switched off for both clients: `unauthorized_client`. Default: none.
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
            disabled_grant_types: Vec::new(),
        }
    }
}
