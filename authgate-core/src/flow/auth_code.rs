//! The login through a browser on this machine (RFC 8252): authorization code with PKCE.

use std::time::Duration;

use tokio::sync::oneshot;

use super::authorization_response::ExpectedResponse;
use super::browser::Browser;
use super::callback::{AuthorizationResponse, CallbackRequest, CallbackServer};
use super::deadline::{Deadline, format_duration};
use super::in_flight::InFlight;
use super::page::Page;
use super::prompt::{BrowserPrompt, Prompt};
use super::redirect_uri::RedirectUri;
use crate::client::{AuthorizationRequest, OAuthClient};
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::secret::Secret;
use crate::text;
use crate::token::Token;

const TIME_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The options of a login through the browser.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthCodeOptions {
    /// The redirect URI that the browser comes back to.
    pub redirect_uri: RedirectUri,
    /// How long the person has to log in. Default: 5 minutes.
    pub time_limit: Duration,
    /// Whether the login fails if the browser cannot be opened. Default: no, because the person can
    /// open the address by hand.
    pub browser_required: bool,
    /// Counts the exchange of the code, which should not be interrupted.
    pub in_flight: InFlight,
}

impl Default for AuthCodeOptions {
    fn default() -> Self {
        Self {
            redirect_uri: RedirectUri::default(),
            time_limit: TIME_LIMIT,
            browser_required: false,
            in_flight: InFlight::default(),
        }
    }
}

/// The page that the browser waits for. It shows how the login ended, which is not known before the
/// token is stored.
///
/// If this is dropped, the browser shows that the login was not finished.
#[derive(Debug)]
#[must_use = "the browser waits for its page"]
pub struct OutcomePage {
    page: oneshot::Sender<Page>,
    /// Tells other requests that this login has already been handled.
    server: CallbackServer,
}

impl OutcomePage {
    /// Shows that the person is logged in and the token is stored.
    pub async fn saved(self) {
        self.show(Page::LOGGED_IN).await;
    }

    /// Shows that the person is logged in for this run only, because the token could not be stored.
    pub async fn not_saved(self, reason: &str) {
        self.show(Page::NOT_SAVED.because(reason)).await;
    }

    async fn show(self, page: Page) {
        // If the browser has gone, nobody receives the page.
        let _ = self.page.send(page);
        self.server.finish().await;
    }
}

/// Logs a person in through a browser (RFC 6749 section 4.1, RFC 7636, RFC 8252).
///
/// Listens at the redirect URI, shows the authorization URL through `prompt`, opens it in
/// `browser`, waits for the browser to come back, and exchanges the code. The caller stores the
/// token and then tells the [`OutcomePage`] how that went. Only then does the browser get its page.
///
/// Dropping the future ends the login and frees the port at once. A code that is being exchanged
/// is lost then.
pub async fn run_auth_code_flow(
    client: &OAuthClient,
    scopes: &[String],
    options: &AuthCodeOptions,
    browser: &dyn Browser,
    prompt: &dyn Prompt,
) -> Result<(Token, OutcomePage)> {
    let request = client.authorize_url(options.redirect_uri.as_str(), scopes)?;
    let endpoints = client.endpoints();
    let mut server = CallbackServer::start(ExpectedResponse {
        state: request.state.clone(),
        issuer: endpoints.issuer.clone(),
        issuer_required: endpoints.authorization_response_iss_parameter_supported,
        redirect_uri: options.redirect_uri.clone(),
        scope: scopes.join(" "),
    })
    .await?;
    let AuthorizationResponse { code, page } =
        wait(client, &request, &mut server, options, browser, prompt).await?;
    let page = OutcomePage { page, server };

    let token = match code {
        Ok(code) => {
            prompt.notice(&Notice::new("Finishing the login"));
            let _exchange = options.in_flight.enter();
            exchange(client, scopes, options, &request, &code).await
        }
        Err(error) => Err(error),
    };
    match token {
        Ok(token) => Ok((token, page)),
        Err(error) => {
            page.show(page_for(&error)).await;
            Err(error)
        }
    }
}

/// Opens the browser and waits for its authorization response, which may come before the launcher
/// has ended.
async fn wait(
    client: &OAuthClient,
    request: &AuthorizationRequest,
    server: &mut CallbackServer,
    options: &AuthCodeOptions,
    browser: &dyn Browser,
    prompt: &dyn Prompt,
) -> Result<AuthorizationResponse> {
    let limit = options.time_limit;
    let clock = client.clock();
    let deadline = Deadline::new(clock.clone(), clock.now(), limit);
    prompt.authorization_url(&BrowserPrompt {
        url: &request.url,
        opens_browser: browser.is_available(),
    });
    prompt.notice(&Notice::new(format!(
        "Waiting {} for the browser. If it shows an error, register exactly {} as a redirect URI of \
         this client, or use the device flow",
        format_duration(limit),
        options.redirect_uri
    )));

    // If another flow follows, the person might still use the address that was shown.
    let closed = if options.browser_required {
        ", so the address above is closed"
    } else {
        ""
    };
    let mut opening = browser.open(request.url.url());
    let mut opened = false;
    while let Some(remaining) = deadline.remaining() {
        tokio::select! {
            Some(request) = server.requests.recv() => match request {
                CallbackRequest::Response(response) => return Ok(response),
                CallbackRequest::Ignored(notice) => prompt.notice(&notice),
            },
            result = &mut opening, if !opened => {
                opened = true;
                match result {
                    Ok(()) => {}
                    Err(mut error) if options.browser_required => {
                        if let Error::BrowserUnavailable { reason, .. } = &mut error {
                            reason.push_str(closed);
                        }
                        return Err(error);
                    }
                    Err(error) => {
                        prompt.notice(&Notice::new(format!("{error}. Open the address above yourself")));
                    }
                }
            }
            () = deadline.tick(remaining) => {
                prompt.countdown(Some(deadline.remaining().unwrap_or_default()));
            }
        }
    }
    Err(Error::LoginExpired {
        reason: format!(
            "the browser did not come back to {} within {}{closed}",
            options.redirect_uri,
            format_duration(limit)
        ),
    })
}

async fn exchange(
    client: &OAuthClient,
    scopes: &[String],
    options: &AuthCodeOptions,
    request: &AuthorizationRequest,
    code: &Secret,
) -> Result<Token> {
    let token = client
        .exchange_auth_code(code, options.redirect_uri.as_str(), &request.code_verifier)
        .await?;
    if !request.is_answered_by(&token) {
        return Err(Error::permanent(format!(
            "authorization code grant: {}: the ID token belongs to another login, because its nonce is not ours",
            text::printable_url(&client.endpoints().token_url)
        )));
    }
    Ok(token.or_asked_for(scopes))
}

fn page_for(error: &Error) -> Page {
    match error {
        Error::Denied { .. } => Page::DENIED,
        Error::LoginRefused { .. } => Page::REFUSED.because(error.to_string()),
        Error::Callback { .. } => Page::INVALID_RESPONSE,
        // The reason of such an error may quote a proxy's page, which the terminal shows.
        Error::Response {
            operation,
            url,
            status,
            ..
        } => Page::FAILED.because(format!(
            "{operation}: {url} answered {status} (the terminal shows more)"
        )),
        _ => Page::FAILED.because(error.to_string()),
    }
}
