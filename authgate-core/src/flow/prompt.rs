//! The texts that a person sees during a login.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use url::Url;

use super::deadline::format_duration;
use crate::client::{AuthorizationUrl, DeviceAuth, OAuthClient};
use crate::config::is_loopback;
use crate::discovery::Issuer;
use crate::notice::Notice;
use crate::text;

/// Shows a person what a login needs from them.
///
/// ```
/// use std::sync::Mutex;
///
/// use authgate_core::Prompt;
///
/// /// Collects the text for a window.
/// struct Window(Mutex<String>);
///
/// impl Prompt for Window {
///     fn show(&self, text: &str) {
///         let mut content = self.0.lock().unwrap();
///         content.push_str(text);
///         content.push('\n');
///     }
/// }
/// ```
///
/// All values are safe to print. The login calls these methods while it runs, so they must return
/// at once.
pub trait Prompt: Send + Sync {
    /// Shows one or more lines of text. The last line has no line break.
    fn show(&self, text: &str);

    /// Shows the address where the person logs in. Always show it: a launcher may report that it
    /// has opened a browser when none appears.
    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        self.show(&format!("{prompt}\n"));
    }

    /// Shows the code that the person enters on another device. Always show it as text; a QR code
    /// may only be shown beside it (RFC 8628 section 3.3.1).
    fn device_code(&self, prompt: &DevicePrompt<'_>) {
        self.show(&format!("{prompt}\n"));
    }

    /// Shows one line about the progress of the login.
    fn notice(&self, notice: &Notice) {
        self.show(&notice.to_string());
    }

    /// Shows how much time the person has left, about once a second while the login waits for them.
    /// `None` means that the login no longer waits. Default: shows nothing.
    fn countdown(&self, remaining: Option<Duration>) {
        let _ = remaining;
    }

    /// Returns whether a person may see the prompt. If this returns `false`, nobody would log in, so
    /// [`FlowMode::Auto`](crate::FlowMode::Auto) fails at once, or within a second while it waits.
    /// Default: `true`.
    fn is_visible(&self) -> bool {
        true
    }
}

/// The default prompt: plain lines on standard error.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StandardError;

impl Prompt for StandardError {
    fn show(&self, text: &str) {
        // If standard error is closed, `eprintln!` would panic, but the login should go on.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// The text of the browser flow. `Display` formats all of it, in several lines.
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
            "Opening your browser to log in. If it does not open, open this page yourself:"
        } else {
            "To log in, open this page in a browser on this machine:"
        };
        write!(formatter, "{request}\n\n    {}", self.url)
    }
}

/// The text of the device flow. `Display` formats all of it, in several lines.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DevicePrompt<'a> {
    /// The code that the person enters.
    pub user_code: &'a str,
    /// The page where the person enters it.
    pub verification_uri: &'a Url,
    /// The URL for a QR code, if there is one. A page on this machine has none, because no other
    /// device can open it.
    pub verification_uri_complete: Option<&'a Url>,
    /// The authorization server: its issuer, or its address if the issuer is unknown.
    pub server: String,
    /// Whether the page is on another site than `server`.
    pub is_on_other_site: bool,
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
        let endpoint = &endpoints.token_url;
        let issuer = endpoints.issuer.as_ref();
        let server = issuer.map_or_else(
            || endpoint.origin().ascii_serialization(),
            |issuer| issuer.as_str().to_owned(),
        );
        let server_origin = issuer
            .and_then(Issuer::origin)
            .unwrap_or_else(|| endpoint.origin());
        Self {
            user_code: &device.user_code,
            verification_uri: &device.verification_uri,
            verification_uri_complete: device
                .verification_uri_complete
                .as_ref()
                .filter(|url| !is_loopback(url)),
            server: text::printable(&server),
            is_on_other_site: device.verification_uri.origin() != server_origin,
            client_id: text::printable(client.client_id()),
            scopes: scopes.iter().map(|scope| text::printable(scope)).collect(),
            expires_in: device.expires_in,
        }
    }
}

impl fmt::Display for DevicePrompt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = if is_loopback(self.verification_uri) {
            "on this machine"
        } else {
            "on any device"
        };
        writeln!(formatter, "To log in, open this page {device}:\n")?;
        writeln!(formatter, "    {}\n", self.verification_uri)?;
        writeln!(
            formatter,
            "and enter the code:  {}   (valid for {})\n",
            self.user_code,
            format_duration(self.expires_in)
        )?;
        if self.is_on_other_site {
            writeln!(
                formatter,
                "The page is on {}, another site than the server {}.",
                self.verification_uri.origin().ascii_serialization(),
                self.server
            )?;
        }
        let access = if self.scopes.is_empty() {
            " to your account".to_owned()
        } else {
            format!(" to: {}", self.scopes.join(", "))
        };
        // Another person may have started the login and sent the code, so warn of that (RFC 8628
        // section 5.4).
        write!(
            formatter,
            "This gives {} access{access}. Enter the code only if you started this login.",
            self.client_id
        )
    }
}
