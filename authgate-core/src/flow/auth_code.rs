//! The login through a browser on this machine (RFC 8252): authorization code with PKCE.

use std::time::Duration;

use super::browser::Browser;
use super::callback::{Arrival, CallbackServer, Expected, Visit, Visitor};
use super::deadline::{Deadline, spoken};
use super::in_flight::InFlight;
use super::notice::Notice;
use super::page::Page;
use super::prompt::{BrowserPrompt, Prompt};
use super::redirect_uri::RedirectUri;
use crate::client::{AuthorizationRequest, OAuthClient};
use crate::error::{Error, Result};
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
    /// How to go on when the browser cannot be opened.
    pub if_browser_fails: IfBrowserFails,
    /// Counts the exchange of the code, which should not be interrupted.
    pub in_flight: InFlight,
}

/// How a login goes on when the browser cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfBrowserFails {
    /// Keep waiting: the address was shown, and the person can open it by hand.
    KeepWaiting,
    /// End with [`Error::BrowserUnavailable`], because another flow is better.
    GiveUp,
}

impl Default for AuthCodeOptions {
    fn default() -> Self {
        Self {
            redirect_uri: RedirectUri::default(),
            time_limit: TIME_LIMIT,
            if_browser_fails: IfBrowserFails::KeepWaiting,
            in_flight: InFlight::default(),
        }
    }
}

/// The result of a login through the browser.
#[derive(Debug)]
#[non_exhaustive]
pub struct Login {
    /// The token.
    pub token: Token,
    /// The page that the browser waits for. It shows how the login ended, which is not known before
    /// the token is stored.
    pub page: OutcomePage,
}

/// A browser that waits to hear how the login ended.
///
/// If this is dropped, the browser shows that the login was not finished.
#[must_use = "the browser waits for its page"]
pub struct OutcomePage {
    visitor: Visitor,
    /// Until the outcome is known, this tells other visits that they are too late.
    server: CallbackServer,
}

impl OutcomePage {
    /// Shows that the person is logged in and the token is stored.
    pub async fn saved(self) {
        self.show(Page::LoggedIn).await;
    }

    /// Shows that the person is logged in for this run only, because the token could not be stored.
    pub async fn not_saved(self, reason: &str) {
        self.show(Page::NotKept {
            reason: explanation(reason),
        })
        .await;
    }

    async fn show(self, page: Page) {
        // Free the port first, because the browser may be slow to read its page.
        drop(self.server);
        self.visitor.show(page).await;
    }
}

impl std::fmt::Debug for OutcomePage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OutcomePage")
            .finish_non_exhaustive()
    }
}

/// Logs a person in through a browser (RFC 6749 section 4.1, RFC 7636, RFC 8252).
///
/// Listens at the redirect URI, shows the authorization URL through `prompt`, opens it in
/// `browser`, waits for the browser to come back, and exchanges the code. The caller stores the
/// token and then tells [`Login::page`] how that went. Only then does the browser get its page.
///
/// Dropping the future ends the login and frees the port at once. A code that is being exchanged
/// ([`Notice::Exchanging`]) is lost then.
///
/// # Errors
///
/// * [`Error::BrowserUnavailable`] when the redirect URI's port cannot be listened on, or if
///   [`AuthCodeOptions::if_browser_fails`] says so; [`Error::LoginExpired`] when the browser did
///   not come back in time. Another flow may work.
/// * [`Error::Denied`] when the person denied access, [`Error::LoginRefused`] when the server
///   refused the login, [`Error::Callback`] for a response that cannot be used.
/// * Otherwise those of [`OAuthClient::authorize_url`] and [`OAuthClient::exchange_auth_code`].
///
/// ```no_run
/// # async fn example(client: authgate_core::OAuthClient, prompt: impl authgate_core::flow::Prompt)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use authgate_core::flow::{AuthCodeOptions, Surroundings, SystemBrowser, run_auth_code_flow};
///
/// let browser = SystemBrowser::new(Surroundings::of_this_machine().browser());
/// let scopes = ["profile".to_owned()];
/// let login = run_auth_code_flow(&client, &scopes, &AuthCodeOptions::default(), &browser, &prompt).await?;
/// login.page.saved().await;
/// # Ok(())
/// # }
/// ```
pub async fn run_auth_code_flow(
    client: &OAuthClient,
    scopes: &[String],
    options: &AuthCodeOptions,
    browser: &dyn Browser,
    prompt: &dyn Prompt,
) -> Result<Login> {
    let request = client.authorize_url(options.redirect_uri.as_str(), scopes)?;
    let mut server =
        CallbackServer::start(&options.redirect_uri, expected(client, &request)).await?;
    let Arrival { outcome, visitor } =
        wait(client, &request, &mut server, options, browser, prompt).await?;
    let page = OutcomePage { visitor, server };

    let token = match outcome {
        Ok(code) => {
            prompt.notice(&Notice::Exchanging);
            let _exchange = options.in_flight.enter();
            exchange(client, scopes, options, &request, &code).await
        }
        Err(error) => Err(error),
    };
    match token {
        Ok(token) => Ok(Login { token, page }),
        Err(error) => {
            page.show(page_for(&error)).await;
            Err(error)
        }
    }
}

fn expected(client: &OAuthClient, request: &AuthorizationRequest) -> Expected {
    let endpoints = client.endpoints();
    Expected {
        state: request.state.clone(),
        issuer: endpoints.issuer.clone(),
        issuer_required: endpoints.authorization_response_iss_parameter_supported,
    }
}

/// Waits for the browser. Opens it at the same time, because it may be back before its launcher has
/// ended.
async fn wait(
    client: &OAuthClient,
    request: &AuthorizationRequest,
    server: &mut CallbackServer,
    options: &AuthCodeOptions,
    browser: &dyn Browser,
    prompt: &dyn Prompt,
) -> Result<Arrival> {
    let limit = options.time_limit;
    let clock = client.clock();
    let deadline = Deadline::new(clock.clone(), clock.now(), limit);
    prompt.authorization_url(&BrowserPrompt {
        url: &request.url,
        opens_browser: browser.is_available(),
    });
    prompt.notice(&Notice::WaitingForBrowser {
        redirect_uri: options.redirect_uri.clone(),
        limit,
    });

    let mut opening = browser.open(request.url.url());
    let mut opened = false;
    while let Some(remaining) = deadline.remaining() {
        tokio::select! {
            visit = server.visit() => match visit {
                Visit::Answer(arrival) => return Ok(arrival),
                Visit::WrongState => prompt.notice(&Notice::WrongState),
            },
            result = &mut opening, if !opened => {
                opened = true;
                match (result, options.if_browser_fails) {
                    (Ok(()), _) => {}
                    (Err(error), IfBrowserFails::GiveUp) => return Err(error),
                    (Err(error), IfBrowserFails::KeepWaiting) => prompt.notice(&Notice::BrowserFailed(error)),
                }
            }
            () = deadline.tick(remaining) => prompt.waiting(deadline.remaining().unwrap_or_default()),
        }
    }
    Err(Error::LoginExpired {
        reason: format!(
            "nobody came back to {} within {}. Start again, or use the device flow",
            options.redirect_uri,
            spoken(limit)
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
            "authorization code grant: {}: the ID token belongs to another login (its nonce is not ours): start again",
            text::printable_url(&client.endpoints().token_url)
        )));
    }
    Ok(token.or_asked_for(scopes))
}

fn page_for(error: &Error) -> Page {
    match error {
        Error::Denied { .. } => Page::Denied,
        Error::LoginRefused { .. } => Page::Refused {
            reason: explanation(&error.to_string()),
        },
        Error::Callback { .. } => Page::Unusable,
        _ => Page::Failed {
            reason: explanation(&error.to_string()),
        },
    }
}

/// Makes a reason safe to show. An error's text is safe already, but a caller's may not be.
fn explanation(reason: &str) -> String {
    const LENGTH: usize = 600;
    text::excerpt(reason, LENGTH)
}
