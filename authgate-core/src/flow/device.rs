//! The login with a code on another device (RFC 8628): the polling.

use std::time::Duration;

use super::deadline::{Deadline, spoken};
use super::in_flight::InFlight;
use super::notice::Notice;
use super::prompt::{DevicePrompt, Prompt};
use crate::client::{DeviceAuth, OAuthClient, device_flow_unavailable};
use crate::error::{Error, Result};
use crate::token::Token;

/// The time that each `slow_down` adds to the interval permanently (RFC 8628 section 3.5).
const SLOWER_BY: Duration = Duration::from_secs(5);
/// How much longer than required each pause is. A clock that runs fast, as in some virtual
/// machines, would otherwise make every poll too early.
const SLACK: f64 = 0.1;
/// How many `slow_down` responses it takes until we tell the person to check the clock.
const SLOW_DOWNS_BEFORE_ADVICE: u32 = 3;
/// The limit to which the pause grows while the server is in trouble.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Logs a person in with a code that they type on another device (RFC 8628).
///
/// Requests a code, shows it through `prompt`, and polls until the person has approved, as long as
/// the code is valid but for at most 30 minutes. The first poll follows after one interval. 429,
/// 5xx, lost connections and responses that are not OAuth do not end the login: the pause grows
/// with each, up to a minute, and is at least as long as the server asks for.
///
/// `in_flight` counts each poll, because the one that brings the token should not be interrupted.
/// Dropping the future ends the login.
///
/// # Errors
///
/// * [`Error::LoginExpired`] when the code expired. Offer a new one.
/// * [`Error::Denied`] when the person denied access.
/// * [`Error::Other`] when the server or the client's registration does not allow this flow, or
///   when the person may have approved, but the token was lost on its way.
/// * Otherwise those of [`OAuthClient::request_device_code`] and
///   [`OAuthClient::exchange_device_code`].
///
/// ```no_run
/// # async fn example(client: authgate_core::OAuthClient, prompt: impl authgate_core::flow::Prompt)
/// # -> authgate_core::Result<()> {
/// use authgate_core::flow::{InFlight, run_device_flow};
///
/// let token = run_device_flow(&client, &["profile".to_owned()], &prompt, &InFlight::default()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn run_device_flow(
    client: &OAuthClient,
    scopes: &[String],
    prompt: &dyn Prompt,
    in_flight: &InFlight,
) -> Result<Token> {
    let device = client.request_device_code(scopes).await?;
    let deadline = Deadline::new(client.clock().clone(), device.requested, device.expires_in);
    prompt.device_code(&DevicePrompt::new(client, scopes, &device));
    let mut polling = Polling::new(&device);
    loop {
        let pause = polling.pause();
        // If the server asks for a longer pause than the time left, no other poll can follow, so
        // return its error.
        let too_late = deadline.remaining().is_none_or(|left| left <= pause);
        if let Some(error) = polling
            .failure
            .take_if(|error| too_late && error.retry_after().is_some())
        {
            return Err(error);
        }
        wait(&deadline, pause, prompt)
            .await
            .ok_or_else(|| expired(&device))?;
        // Count every poll, because any of them may bring the token.
        let _exchange = in_flight.enter();
        match client.exchange_device_code(&device).await {
            Ok(token) => return Ok(token.or_asked_for(scopes)),
            Err(error) => polling.go_on_after(error, &device, prompt)?,
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
        prompt.waiting(remaining);
        deadline.tick(left).await;
    }
}

/// The state of the polling.
struct Polling {
    interval: Duration,
    slow_downs: u32,
    /// The number of polls without a usable response since the last usable one.
    failures: u32,
    /// The error of the last poll, if it failed.
    failure: Option<Error>,
    /// Whether the server may have granted a token that never arrived.
    answer_may_be_lost: bool,
}

impl Polling {
    fn new(device: &DeviceAuth) -> Self {
        Self {
            interval: device.interval,
            slow_downs: 0,
            failures: 0,
            failure: None,
            answer_may_be_lost: false,
        }
    }

    /// Returns the time until the next poll.
    fn pause(&self) -> Duration {
        let backoff = self
            .interval
            .saturating_mul(2_u32.saturating_pow(self.failures));
        let pause = backoff
            .min(LONGEST_BACKOFF)
            .max(self.interval)
            .mul_f64(1.0 + SLACK);
        let asked = self.failure.as_ref().and_then(Error::retry_after);
        asked.map_or(pause, |asked| asked.max(pause))
    }

    /// Handles a response without a token: returns an error if it ends the login.
    fn go_on_after(
        &mut self,
        error: Error,
        device: &DeviceAuth,
        prompt: &dyn Prompt,
    ) -> Result<()> {
        match code(&error) {
            Some("authorization_pending") => self.answered(),
            Some("slow_down") => self.slow_down(&error, prompt),
            Some("expired_token") => return Err(expired(device)),
            Some("access_denied" | "invalid_grant") if self.answer_may_be_lost => {
                return Err(Error::permanent(
                    "device code grant: the server's answer was lost on the way, and the login may have been \
                     approved. Log in again",
                ));
            }
            Some("access_denied") => return Err(denied(error)),
            Some("unauthorized_client" | "unsupported_grant_type") => {
                return Err(device_flow_unavailable(
                    "this client is not allowed the device grant",
                ));
            }
            _ if error.is_transient() => self.failed(error, prompt),
            _ => return Err(error),
        }
        Ok(())
    }

    /// Resets the failures. The server knows the code, and it is unused, so no token can have been
    /// lost.
    fn answered(&mut self) {
        self.failures = 0;
        self.failure = None;
        self.answer_may_be_lost = false;
    }

    fn slow_down(&mut self, error: &Error, prompt: &dyn Prompt) {
        self.answered();
        self.slow_downs += 1;
        // The response may name its own interval, which never makes the polls more frequent.
        let asked = error.retry_after().unwrap_or_default();
        self.interval = self.interval.saturating_add(SLOWER_BY).max(asked);
        prompt.notice(&Notice::SlowedDown {
            interval: self.interval,
        });
        if self.slow_downs == SLOW_DOWNS_BEFORE_ADVICE {
            prompt.notice(&Notice::ClockDrift);
        }
    }

    fn failed(&mut self, error: Error, prompt: &dyn Prompt) {
        self.failures = self.failures.saturating_add(1);
        self.answer_may_be_lost |= may_hide_a_token(&error);
        self.failure = Some(error.clone());
        prompt.notice(&Notice::PollFailed {
            error,
            pause: self.pause(),
        });
    }
}

/// Returns whether the server may have used up the code for a response that did not arrive intact.
fn may_hide_a_token(error: &Error) -> bool {
    match error {
        Error::Transport { failure, .. } => !failure.is_before_sending(),
        _ => error
            .status()
            .is_some_and(|status| status == 200 || status >= 500),
    }
}

fn code(error: &Error) -> Option<&str> {
    match error {
        Error::OAuth { code, .. } => Some(code),
        _ => None,
    }
}

fn denied(error: Error) -> Error {
    match error {
        Error::OAuth { description, .. } => Error::Denied { description },
        other => other,
    }
}

fn expired(device: &DeviceAuth) -> Error {
    Error::LoginExpired {
        reason: format!(
            "nobody approved the code within {}. Start again for a new one",
            spoken(device.expires_in)
        ),
    }
}
