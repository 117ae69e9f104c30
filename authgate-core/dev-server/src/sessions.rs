//! The people who are logged in.

use std::collections::HashMap;

use axum::http::{HeaderMap, header::COOKIE};

use crate::{parameters::Parameters, random};

const COOKIE_NAME: &str = "authgate_session";

/// The sessions by their cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<String, Session>);

/// A session of a person who has logged in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Each form carries this token, so that another site cannot send one in the person's name.
    pub(crate) form_token: String,
}

impl Sessions {
    /// Begins a session and returns the `Set-Cookie` value.
    pub(crate) fn begin(&mut self) -> String {
        let cookie = random::token();
        self.0.insert(
            cookie.clone(),
            Session {
                form_token: random::token(),
            },
        );
        format!("{COOKIE_NAME}={cookie}; Path=/; HttpOnly; SameSite=Lax")
    }

    /// Returns the session of a request's cookie.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<Session> {
        let cookie = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE_NAME)
            .map(|(_, value)| value)?;
        self.0.get(cookie).cloned()
    }
}

impl Session {
    /// Returns whether this form came from a page of this session.
    pub(crate) fn sent(&self, form: &Parameters) -> bool {
        form.get("form_token") == Some(&self.form_token)
    }
}
