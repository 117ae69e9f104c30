//! Prompts for the person during a login. The caller shows them.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::deadline::spoken;
use super::notice::Notice;
use crate::client::{AuthorizationUrl, DeviceAuth, OAuthClient};
use crate::config::is_loopback;
use crate::text;

/// Shows a person what a login needs from them.
///
/// All values are safe to print. The login calls these methods while it runs, so they must return
/// at once.
///
/// ```
/// use authgate_core::flow::{BrowserPrompt, DevicePrompt, Notice, Prompt};
///
/// /// Writes to standard error, as [`StandardError`] does.
/// struct Plain;
///
/// impl Prompt for Plain {
///     fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
///         eprintln!("{prompt}\n");
///     }
///
///     fn device_code(&self, code: &DevicePrompt<'_>) {
///         eprintln!("{code}");
///     }
///
///     fn notice(&self, notice: &Notice) {
///         eprintln!("{notice}");
///     }
/// }
/// ```
pub trait Prompt: Send + Sync {
    /// Shows the address where the person logs in. Always show it: a launcher may report that it
    /// has opened a browser when none appears.
    fn authorization_url(&self, prompt: &BrowserPrompt<'_>);

    /// Shows the code that the person types on another device. Always show it as text; a QR code
    /// may only be shown beside it (RFC 8628 section 3.3.1).
    fn device_code(&self, code: &DevicePrompt<'_>);

    /// Shows one line about the progress of the login.
    fn notice(&self, notice: &Notice);

    /// Shows how much time the person has left. Called about once a second while waiting.
    fn waiting(&self, remaining: Duration) {
        let _ = remaining;
    }

    /// Removes the output of [`Prompt::waiting`]. Called when the waiting has ended.
    fn waited(&self) {}
}

/// Lets a caller share the prompt that it passes to a login.
impl<P: Prompt + ?Sized> Prompt for Arc<P> {
    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        (**self).authorization_url(prompt);
    }

    fn device_code(&self, prompt: &DevicePrompt<'_>) {
        (**self).device_code(prompt);
    }

    fn notice(&self, notice: &Notice) {
        (**self).notice(notice);
    }

    fn waiting(&self, remaining: Duration) {
        (**self).waiting(remaining);
    }

    fn waited(&self) {
        (**self).waited();
    }
}

/// The default prompt: plain lines on standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardError;

impl Prompt for StandardError {
    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        write_line(format_args!("{prompt}\n"));
    }

    fn device_code(&self, prompt: &DevicePrompt<'_>) {
        write_line(format_args!("{prompt}\n"));
    }

    fn notice(&self, notice: &Notice) {
        write_line(format_args!("{notice}"));
    }
}

/// Writes a line and ignores failures. If standard error is closed, `eprintln!` would panic, but
/// the login should go on.
fn write_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The text that the browser flow shows; its `Display` is the whole text, of several lines.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrowserPrompt<'a> {
    /// The address where the person logs in.
    pub url: &'a AuthorizationUrl,
    /// Whether a browser is being opened at that address.
    pub opens_browser: bool,
}

impl fmt::Display for BrowserPrompt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = if self.opens_browser {
            "Opening your browser to log in. If nothing happens, open this address yourself:"
        } else {
            "To log in, open this address in a browser on this machine:"
        };
        write!(formatter, "{request}\n\n    {}", self.url)
    }
}

/// The text that the device flow shows; its `Display` is the whole text, of several lines.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DevicePrompt<'a> {
    /// The code that the person types.
    pub user_code: &'a str,
    /// The page where the person types it.
    pub verification_uri: &'a Url,
    /// The URL for a QR code, if there is one.
    pub verification_uri_complete: Option<&'a Url>,
    /// The authorization server: its issuer, or its address if the issuer is unknown.
    pub server: String,
    /// Whether the page is on a different site from the server's endpoints.
    pub is_elsewhere: bool,
    /// The client that gets access.
    pub client_id: String,
    /// The scopes that the client requests.
    pub scopes: Vec<String>,
    /// How long the code is valid.
    pub expires_in: Duration,
}

impl<'a> DevicePrompt<'a> {
    pub(super) fn new(client: &OAuthClient, scopes: &[String], device: &'a DeviceAuth) -> Self {
        let endpoints = client.endpoints();
        let endpoint = endpoints
            .device_authorization_url
            .as_ref()
            .unwrap_or(&endpoints.token_url);
        let server = endpoints.issuer.as_ref().map_or_else(
            || endpoint.origin().ascii_serialization(),
            |issuer| issuer.as_str().to_owned(),
        );
        Self {
            user_code: &device.user_code,
            verification_uri: &device.verification_uri,
            verification_uri_complete: device.verification_uri_complete.as_ref(),
            server: text::printable(&server),
            is_elsewhere: device.is_elsewhere(endpoint),
            client_id: text::printable(client.client_id()),
            scopes: scopes.iter().map(|scope| text::printable(scope)).collect(),
            expires_in: device.expires_in,
        }
    }

    /// The warning to show with every code (RFC 8628 section 5.4), because another person may have
    /// sent the code.
    pub const WARNING: &'static str = "Continue only if you started this login yourself: whoever enters the code lets this program in.";
}

impl fmt::Display for DevicePrompt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = if is_loopback(self.verification_uri) {
            "this machine"
        } else {
            "any device"
        };
        writeln!(
            formatter,
            "To log in to {}, open this page on {device}:\n",
            self.server
        )?;
        writeln!(formatter, "    {}\n", self.verification_uri)?;
        if self.is_elsewhere {
            let site = self.verification_uri.origin().ascii_serialization();
            writeln!(
                formatter,
                "The page is on another site than the server: {site}\n"
            )?;
        }
        writeln!(
            formatter,
            "and enter this code within {}:\n",
            spoken(self.expires_in)
        )?;
        writeln!(formatter, "    {}\n", self.user_code)?;
        write!(formatter, "It lets the client {} in", self.client_id)?;
        if !self.scopes.is_empty() {
            write!(formatter, ", which asks for: {}", self.scopes.join(" "))?;
        }
        write!(formatter, ".\n{}", Self::WARNING)
    }
}
