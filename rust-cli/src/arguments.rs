//! The command-line flags, and the variables that can be set instead.

use std::fmt::Display;

use anyhow::{Result, anyhow};
use authgate_core::reqwest::Url;
use authgate_core::{
    Environment, Error, FlowMode, OAuthClient, PlainHttp, RedirectUri, in_one_line, parse_url,
};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

/// Logs you in to an AuthGate server and shows who you are and what your token is good for.
///
/// The login is saved in the OS keyring, or in ~/.authgate-tokens.json, and used again by the next run; AuthGate's
/// Python and Bash clients share it. AUTHGATE_URL and CLIENT_ID name the server and the client, in the environment or
/// in a file .env in the current directory; CLIENT_SECRET is for a confidential client.
#[derive(Debug, Parser)]
#[allow(clippy::doc_markdown, reason = "--help shows these texts unchanged")]
#[allow(clippy::struct_excessive_bools, reason = "each is a separate flag")]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// How to log in: with a browser, with a device code, or (auto) with a browser if one can be opened here
    /// [variable: AUTHGATE_FLOW] [default: auto]
    #[arg(long, value_name = "auto|browser|device", value_parser = flow_mode)]
    pub(crate) flow: Option<FlowMode>,

    /// The scopes to request, separated by blanks [variable: SCOPE] [default: "profile email"]
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,

    /// Add a parameter to each request of the login, such as Auth0's audience=URL, resource=URL (RFC 8707) or
    /// AuthGate's extra_claims=JSON; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = OAuthClient::parse_parameter)]
    pub(crate) parameter: Vec<(String, String)>,

    /// Where the browser comes back to, exactly as it is registered for the client [variable: AUTHGATE_REDIRECT_URI]
    /// [default: http://127.0.0.1:8088/callback]
    #[arg(long, value_name = "URI", value_parser = RedirectUri::parse)]
    pub(crate) redirect_uri: Option<RedirectUri>,

    /// Accept an endpoint of the login at another server, named by scheme, host and port; may be given several times
    /// [variable: AUTHGATE_TRUSTED_ORIGINS, separated by blanks, never in .env]
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) trust_origin: Vec<Url>,

    /// Replace a login of the same client at another server; with --logout, delete it
    #[arg(long)]
    pub(crate) replace: bool,

    /// Save the login in the file only, and do not touch the keyring [variable: AUTHGATE_NO_KEYRING=1]
    #[arg(long)]
    pub(crate) no_keyring: bool,

    /// Revoke the login at the server and delete it here
    #[arg(long, conflicts_with_all = ["json", "print_access_token"])]
    pub(crate) logout: bool,

    /// Refresh the token first if it is valid for less than this [default: 30]
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        hide_default_value = true
    )]
    pub(crate) min_validity: u64,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print a valid access token and nothing else: curl -H "Authorization: Bearer $(rust-cli --print-access-token)" URL
    #[arg(long, conflicts_with = "json")]
    pub(crate) print_access_token: bool,
}

impl Arguments {
    /// Fills in the flags that were not given from their variables.
    pub(crate) fn or_variables(mut self, environment: &Environment) -> Result<Self, clap::Error> {
        if self.flow.is_none() {
            self.flow = variable(environment, "AUTHGATE_FLOW", flow_mode)?;
        }
        if self.scope.is_none() {
            let scope = environment.get("SCOPE").map_err(wrong)?;
            self.scope = scope.map(|scope| scope.expose().to_owned());
        }
        if self.redirect_uri.is_none() {
            self.redirect_uri = variable(environment, "AUTHGATE_REDIRECT_URI", RedirectUri::parse)?;
        }
        if let Some(origins) = environment
            .get_exported("AUTHGATE_TRUSTED_ORIGINS")
            .map_err(wrong)?
        {
            for value in origins.expose().split_whitespace() {
                self.trust_origin.push(origin(value).map_err(|reason| {
                    wrong(format!(
                        "invalid value for AUTHGATE_TRUSTED_ORIGINS: {reason}"
                    ))
                })?);
            }
        }
        self.no_keyring |= environment.switch("AUTHGATE_NO_KEYRING").map_err(wrong)?;
        Ok(self)
    }
}

fn flow_mode(name: &str) -> Result<FlowMode, &'static str> {
    match name {
        "auto" => Ok(FlowMode::Auto),
        "browser" => Ok(FlowMode::Browser),
        "device" => Ok(FlowMode::Device),
        _ => Err("choose auto, browser or device"),
    }
}

fn origin(value: &str) -> Result<Url, Error> {
    parse_url("the origin", value, PlainHttp::Anywhere)
}

fn variable<T, E: Display>(
    environment: &Environment,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, clap::Error> {
    let value = environment.get(name).map_err(wrong)?;
    value
        .map(|value| parse(value.expose()))
        .transpose()
        .map_err(|reason| wrong(format!("invalid value for {name}: {reason}")))
}

/// Creates an error that ends the program like a wrong flag.
fn wrong(reason: impl Display) -> clap::Error {
    Arguments::command().error(ErrorKind::ValueValidation, reason)
}

/// Adds the flag with which the next run may succeed.
pub(crate) fn with_advice(error: Error, flow_mode: FlowMode) -> anyhow::Error {
    if flow_mode == FlowMode::Browser && error.is_browser_failure() {
        return anyhow!(
            "{}. To log in without a browser: rust-cli --flow device",
            in_one_line(&error)
        );
    }
    if is_redirect_uri_refused(&error) {
        return anyhow!(
            "{error}, name the registered one with --redirect-uri, or log in with --flow device"
        );
    }
    if let Error::UntrustedOrigin { origin, .. } = &error {
        return anyhow!("{error}. To trust it: rust-cli --trust-origin {origin}");
    }
    if let Error::OtherLogin { .. } = &error {
        return anyhow!("{error}. If you no longer need it, add --replace");
    }
    error.into()
}

fn is_redirect_uri_refused(error: &Error) -> bool {
    matches!(
        error,
        Error::LoginRefused { code, description: Some(description) }
            if code == "invalid_request" && description.contains("redirect")
    )
}
