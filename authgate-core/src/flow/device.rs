//! The login with a code on another device (RFC 8628): the polling.

use std::time::Duration;

use super::deadline::{Deadline, format_duration};
use super::in_flight::InFlight;
use super::prompt::{DevicePrompt, Prompt};
use crate::client::{DeviceAuth, OAuthClient, device_flow_unavailable};
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::token::Token;

/// The time that each `slow_down` adds to the interval permanently (RFC 8628 section 3.5).
const SLOW_DOWN_INCREMENT: Duration = Duration::from_secs(5);
/// The share by which each pause is longer than required. Without it, a clock that runs fast, as in
/// some virtual machines, would make every poll too early.
const SLACK: f64 = 0.1;
/// The number of `slow_down` responses after which we tell the person to check the clock.
const SLOW_DOWNS_UNTIL_NOTICE: u32 = 3;
/// The longest pause after failed polls, unless the server asks for a longer one.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// How long before the code expires the last poll is sent, so that it arrives in time.
const LAST_POLL_MARGIN: Duration = Duration::from_secs(1);

/// Logs a person in with a code that they enter on another device (RFC 8628).
///
/// Requests a code, shows it through `prompt`, and polls until the person has approved, as long as
/// the code is valid but for at most 30 minutes. The first poll follows after one interval, and the
/// last one just before the code expires, unless the interval forbids it. 429, 5xx, lost
/// connections and responses that are not OAuth do not end the login: the pause grows with each, up
/// to a minute, and is at least as long as the server asks for.
///
/// The poll that brings the token should not be interrupted, so `in_flight` counts each poll.
/// Dropping the future ends the login.
pub async fn run_device_flow(
    client: &OAuthClient,
    scopes: &[String],
    prompt: &dyn Prompt,
    in_flight: &InFlight,
) -> Result<Token> {
    let device = client.request_device_code(scopes).await?;
    let deadline = Deadline::new(client.clock().clone(), device.requested, device.expires_in);
    prompt.device_code(&DevicePrompt::new(client, scopes, &device));
    let mut polling = Polling::new(&device, &deadline);
    loop {
        let pause = polling.pause();
        // If the server asks for a longer pause than the time left, no other poll can follow, so
        // return its error.
        let is_too_late = deadline.remaining().is_none_or(|left| left <= pause);
        if let Some(error) = polling
            .last_error
            .take_if(|error| is_too_late && error.retry_after().is_some())
        {
            return Err(error);
        }
        wait(&deadline, pause, prompt).await.ok_or_else(expired)?;
        let _poll = in_flight.enter();
        match client.exchange_device_code(&device).await {
            Ok(token) => return Ok(token.or_asked_for(scopes)),
            Err(error) => polling.handle_error(error, prompt)?,
        }
    }
}

/// Waits between two polls and shows the time left. Returns `None` when the code has expired.
async fn wait(deadline: &Deadline, pause: Duration, prompt: &dyn Prompt) -> Option<()> {
    let started = tokio::time::Instant::now();
    loop {
        let remaining = deadline.remaining()?;
        let Some(left) = pause
            .checked_sub(started.elapsed())
            .filter(|left| !left.is_zero())
        else {
            return Some(());
        };
        prompt.countdown(Some(remaining));
        deadline.tick(left).await;
    }
}

/// The state of the polling.
struct Polling<'a> {
    /// When the code expires.
    deadline: &'a Deadline,
    interval: Duration,
    slow_downs: u32,
    /// The number of failed polls since the last usable response.
    failures: u32,
    /// The error of the last poll, if it failed.
    last_error: Option<Error>,
    /// Whether the server may have granted a token that never arrived.
    token_may_be_lost: bool,
}

impl<'a> Polling<'a> {
    fn new(device: &DeviceAuth, deadline: &'a Deadline) -> Self {
        Self {
            deadline,
            interval: device.interval,
            slow_downs: 0,
            failures: 0,
            last_error: None,
            token_may_be_lost: false,
        }
    }

    /// Returns the time until the next poll.
    ///
    /// The slack and the backoff are our own, so a poll that they would delay beyond the end comes
    /// just before it. The interval and what the server asks for are not shortened.
    fn pause(&self) -> Duration {
        let backoff = self
            .interval
            .saturating_mul(2_u32.saturating_pow(self.failures));
        let wanted = backoff
            .min(MAX_BACKOFF)
            .max(self.interval)
            .mul_f64(1.0 + SLACK);
        let retry_after = self.last_error.as_ref().and_then(Error::retry_after);
        let required = retry_after.unwrap_or_default().max(self.interval);
        let left = self.deadline.remaining().unwrap_or_default();
        wanted
            .min(left.saturating_sub(LAST_POLL_MARGIN))
            .max(required)
    }

    /// Handles a poll that brought no token. Returns an error if the login has ended.
    fn handle_error(&mut self, error: Error, prompt: &dyn Prompt) -> Result<()> {
        let (code, description) = match &error {
            Error::OAuth {
                code, description, ..
            } => (code.as_str(), description),
            _ => ("", &None),
        };
        match code {
            "authorization_pending" => self.reset_failures(),
            "slow_down" => self.slow_down(&error, prompt),
            "expired_token" => return Err(expired()),
            "access_denied" | "invalid_grant" if self.token_may_be_lost => {
                return Err(Error::permanent(
                    "device code grant: the server's answer was lost on the way, and the login may have been \
                     approved. Log in again",
                ));
            }
            "access_denied" => {
                return Err(Error::Denied {
                    description: description.clone(),
                });
            }
            "unauthorized_client" | "unsupported_grant_type" => {
                return Err(device_flow_unavailable(
                    "this client is not allowed the device grant",
                ));
            }
            _ if error.is_transient() => self.back_off(error, prompt),
            _ => return Err(error),
        }
        Ok(())
    }

    /// Forgets the failures. The server has said that the code is still unused, so no token can
    /// have been lost.
    fn reset_failures(&mut self) {
        self.failures = 0;
        self.last_error = None;
        self.token_may_be_lost = false;
    }

    fn slow_down(&mut self, error: &Error, prompt: &dyn Prompt) {
        self.reset_failures();
        self.slow_downs += 1;
        // The response may name an interval of its own. Use it only if it is longer.
        let named = error.retry_after().unwrap_or_default();
        self.interval = self.interval.saturating_add(SLOW_DOWN_INCREMENT).max(named);
        prompt.notice(&Notice::new(format!(
            "The server asked us to slow down: polling every {}",
            format_duration(self.interval)
        )));
        if self.slow_downs == SLOW_DOWNS_UNTIL_NOTICE {
            prompt.notice(&Notice::new(
                "The server still finds our polls too frequent. Does this machine's clock run fast, \
                 as in some virtual machines?",
            ));
        }
    }

    fn back_off(&mut self, error: Error, prompt: &dyn Prompt) {
        self.failures = self.failures.saturating_add(1);
        self.token_may_be_lost |= may_have_lost_a_token(&error);
        let reason = error.happened();
        self.last_error = Some(error);
        prompt.notice(&Notice::new(format!(
            "{reason}. Polling again in {}",
            format_duration(self.pause())
        )));
    }
}

/// Returns whether the server may have used up the code for a response that did not arrive intact.
fn may_have_lost_a_token(error: &Error) -> bool {
    match error {
        Error::Transport { failure, .. } => !failure.is_before_sending(),
        _ => error
            .status()
            .is_some_and(|status| status == 200 || status >= 500),
    }
}

fn expired() -> Error {
    Error::LoginExpired {
        reason: "the code expired before anybody approved it".to_owned(),
    }
}
