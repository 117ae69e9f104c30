//! Device codes (RFC 8628).

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::{oauth_error::OAuthError, random};

/// The decision of the person at the device page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Pending,
    Approved,
    Denied,
}

#[derive(Debug)]
pub(crate) struct DeviceCode {
    pub(crate) user_code: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    expires_at: SystemTime,
    interval: Duration,
    last_poll: Option<Instant>,
    decision: Decision,
    used: bool,
}

#[derive(Debug, Default)]
pub(crate) struct DeviceCodes {
    codes: HashMap<String, DeviceCode>,
    latest_user_code: Option<String>,
}

impl DeviceCodes {
    /// Creates a device code and a user code, and returns them in this order.
    pub(crate) fn begin(
        &mut self,
        client_id: String,
        scope: String,
        expires_at: SystemTime,
        interval: Duration,
    ) -> (String, String) {
        let (device_code, user_code) = (random::token(), random::user_code());
        self.latest_user_code = Some(user_code.clone());
        self.codes.insert(
            device_code.clone(),
            DeviceCode {
                user_code: user_code.clone(),
                client_id,
                scope,
                expires_at,
                interval,
                last_poll: None,
                decision: Decision::Pending,
                used: false,
            },
        );
        (device_code, user_code)
    }

    pub(crate) fn latest_user_code(&self) -> Option<String> {
        self.latest_user_code.clone()
    }

    /// Returns the pending device code with this user code.
    pub(crate) fn waiting(&mut self, user_code: &str, now: SystemTime) -> Option<&mut DeviceCode> {
        let wanted = normalized(user_code);
        self.codes.values_mut().find(|code| {
            code.decision == Decision::Pending
                && now < code.expires_at
                && normalized(&code.user_code) == wanted
        })
    }

    /// Records the decision; `false` if no device code with this user code is pending.
    pub(crate) fn decide(&mut self, user_code: &str, now: SystemTime, decision: Decision) -> bool {
        match self.waiting(user_code, now) {
            Some(code) => {
                code.decision = decision;
                true
            }
            None => false,
        }
    }

    /// Handles one poll of the token endpoint: returns the approved code, once, or the error to
    /// answer with.
    pub(crate) fn poll(
        &mut self,
        device_code: &str,
        client_id: &str,
        now: SystemTime,
        slow_down: bool,
    ) -> Result<&DeviceCode, OAuthError> {
        let code = self
            .codes
            .get_mut(device_code)
            .filter(|code| code.client_id == client_id && !code.used)
            .ok_or_else(|| OAuthError::bare("access_denied"))?;
        if code.expires_at <= now {
            return Err(OAuthError::bare("expired_token"));
        }
        let too_soon = slow_down && code.is_polled_too_soon();
        match code.decision {
            Decision::Denied => Err(OAuthError::bare("access_denied")),
            Decision::Pending if too_soon => {
                code.interval += Duration::from_secs(5);
                Err(OAuthError::bare("slow_down"))
            }
            Decision::Pending => Err(OAuthError::bare("authorization_pending")),
            Decision::Approved => {
                code.used = true;
                Ok(code)
            }
        }
    }
}

impl DeviceCode {
    fn is_polled_too_soon(&mut self) -> bool {
        // Timers are not exact, and the last poll may have arrived late, so accept a poll that is a
        // little early.
        const SLACK: Duration = Duration::from_millis(100);
        let now = Instant::now();
        let since = self.last_poll.replace(now).map(|last| now - last);
        since.is_some_and(|since| since + SLACK < self.interval)
    }
}

/// Accepts a user code without the dash and in lower case (RFC 8628 section 6.1).
fn normalized(user_code: &str) -> String {
    user_code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}
