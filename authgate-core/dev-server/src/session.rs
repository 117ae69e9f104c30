//! Who is logged in at the pages.

use std::collections::HashMap;

use axum::http::{HeaderMap, header::COOKIE};

use crate::{random, state::AuthGate};

const COOKIE_NAME: &str = "authgate_session";

/// Sessions by their cookie, each with the token that its forms have to carry, so that another
/// site's form does nothing.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<String, String>);

/// A visitor who has logged in.
pub(crate) struct Session {
    pub(crate) form_token: String,
}

impl Sessions {
    /// Begins a session and returns the `Set-Cookie` value.
    pub(crate) fn begin(&mut self) -> String {
        let cookie = random::token();
        self.0.insert(cookie.clone(), random::token());
        format!("{COOKIE_NAME}={cookie}; Path=/; HttpOnly; SameSite=Lax")
    }
}

impl AuthGate {
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let cookie = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE_NAME)
            .map(|(_, value)| value)?;
        let form_token = self.memory().sessions.0.get(cookie)?.clone();
        Some(Session { form_token })
    }
}
