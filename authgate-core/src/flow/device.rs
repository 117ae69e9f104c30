//! The login with a code on another device (RFC 8628): the polling.

use std::time::Duration;

use super::deadline::{Deadline, spoken};
use super::in_flight::InFlight;
use super::notice::Notice;
use super::prompt::{DevicePrompt, Prompt};
use crate::client::{DeviceAuth, OAuthClient};
use crate::error::{Error, Result};
use crate::token::Token;

/// What `slow_down` adds to the interval, for good (RFC 8628 section 3.5).
const SLOWER_BY: Duration = Duration::from_secs(5);
/// A clock that runs fast (virtual machines have them) makes every poll too early: a little is
/// added to each pause.
const SLACK: f64 = 0.1;
/// A machine whose polls are still too early after so many is told so.
const SLOW_DOWNS_BEFORE_ADVICE: u32 = 3;
/// A server in trouble is asked ever less often, but at least this often.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Logs a person in with a code that is typed on another device (RFC 8628).
///
/// It asks for a code, shows it through `prompt`, and polls until the person has approved, for as
/// long as the code is good but no longer than 30 minutes. The first poll follows after one
/// interval. 429, 5xx, lost connections and answers that are not OAuth do not end it: the pause
/// grows with each, up to a minute, and is as long as the server asks for.
///
/// Each poll is counted by `in_flight`: the one that brings the token should not be cut short.
/// Dropping the future ends the login.
///
/// # Errors
///
/// * [`Error::DeviceFlowUnavailable`] when the server or the client's registration does not allow
///   it: a browser may do.
/// * [`Error::LoginExpired`] when the code ran out: offer a new one.
/// * [`Error::Denied`] when the person said no.
/// * [`Error::AnswerLost`] when it was perhaps approved: start again.
/// * Else as for [`OAuthClient::request_device_code`] and [`OAuthClient::exchange_device_code`].
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
        // A server that asks for more time than is left has said the last word.
        let too_late = deadline.remaining().is_none_or(|left| left <= pause);
        if let Some(error) = polling.failure.take_if(|error| too_late && error.retry_after().is_some()) {
            return Err(error);
        }
        wait(&deadline, pause, prompt).await.ok_or_else(|| expired(&device))?;
        // One of the polls brings the token, and it cannot be known which.
        let _exchange = in_flight.enter();
        match client.exchange_device_code(&device).await {
            Ok(token) => return Ok(token.or_asked_for(scopes)),
            Err(error) => polling.go_on_after(error, &device, prompt)?,
        }
    }
}

/// Waits between two polls and shows the time left; `None` when the code has run out.
async fn wait(deadline: &Deadline, pause: Duration, prompt: &dyn Prompt) -> Option<()> {
    let started = tokio::time::Instant::now();
    loop {
        let remaining = deadline.remaining()?;
        let Some(left) = pause.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) else {
            return Some(());
        };
        prompt.waiting(remaining);
        deadline.tick(left).await;
    }
}

/// How the polls went so far.
struct Polling {
    interval: Duration,
    slow_downs: u32,
    /// Polls without a usable answer since the last one with.
    failures: u32,
    /// What the last poll failed with, if it did.
    failure: Option<Error>,
    /// Whether the server may have granted a token that never arrived.
    answer_may_be_lost: bool,
}

impl Polling {
    fn new(device: &DeviceAuth) -> Self {
        Self { interval: device.interval, slow_downs: 0, failures: 0, failure: None, answer_may_be_lost: false }
    }

    /// The time until the next poll.
    fn pause(&self) -> Duration {
        let backoff = self.interval.saturating_mul(2_u32.saturating_pow(self.failures));
        let pause = backoff.min(LONGEST_BACKOFF).max(self.interval).mul_f64(1.0 + SLACK);
        let asked = self.failure.as_ref().and_then(Error::retry_after);
        asked.map_or(pause, |asked| asked.max(pause))
    }

    /// What an answer that is no token means: nothing, or the end.
    fn go_on_after(&mut self, error: Error, device: &DeviceAuth, prompt: &dyn Prompt) -> Result<()> {
        match code(&error) {
            Some("authorization_pending") => self.answered(),
            Some("slow_down") => self.slow_down(&error, prompt),
            Some("expired_token") => return Err(expired(device)),
            Some("access_denied" | "invalid_grant") if self.answer_may_be_lost => {
                return Err(Error::AnswerLost { operation: "device code grant" });
            }
            Some("access_denied") => return Err(denied(error)),
            Some("unauthorized_client" | "unsupported_grant_type") => {
                return Err(Error::DeviceFlowUnavailable {
                    reason: "this client is not allowed the device grant".to_owned(),
                });
            }
            _ if error.is_transient() => self.failed(error, prompt),
            _ => return Err(error),
        }
        Ok(())
    }

    /// The server knows the code, and it is unused: nothing can have been lost.
    fn answered(&mut self) {
        self.failures = 0;
        self.failure = None;
        self.answer_may_be_lost = false;
    }

    fn slow_down(&mut self, error: &Error, prompt: &dyn Prompt) {
        self.answered();
        self.slow_downs += 1;
        // The reply may name an interval of its own, which never makes the polls more frequent.
        let asked = error.retry_after().unwrap_or_default();
        self.interval = self.interval.saturating_add(SLOWER_BY).max(asked);
        prompt.notice(&Notice::SlowedDown { interval: self.interval });
        if self.slow_downs == SLOW_DOWNS_BEFORE_ADVICE {
            prompt.notice(&Notice::ClockDrift);
        }
    }

    fn failed(&mut self, error: Error, prompt: &dyn Prompt) {
        self.failures = self.failures.saturating_add(1);
        self.answer_may_be_lost |= may_hide_a_token(&error);
        self.failure = Some(error.clone());
        prompt.notice(&Notice::PollFailed { error, pause: self.pause() });
    }
}

/// Whether the server may have used up the code for an answer that never arrived as it was meant.
fn may_hide_a_token(error: &Error) -> bool {
    match error {
        Error::Transport { failure, .. } => !failure.is_before_sending(),
        _ => error.status().is_some_and(|status| status == 200 || status >= 500),
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
        reason: format!("nobody approved the code within {}. Start again for a new one", spoken(device.expires_in)),
    }
}
