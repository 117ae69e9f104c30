//! Makes a new login with a flow, and stores it.

use std::time::{Duration, SystemTime};

use super::{FlowMode, Login, Session};
use crate::error::{Error, Result};
use crate::flow::{AuthCodeOptions, OutcomePage, run_auth_code_flow, run_device_flow};
use crate::store::{FallbackStore, seconds_since_1970};
use crate::token::Token;

/// How often we check whether the prompt of a login can still be seen.
const VISIBILITY_INTERVAL: Duration = Duration::from_secs(1);

impl Login {
    /// Runs a flow and stores its token, unless a login at another server would be replaced. If
    /// another run logs in first, uses its login.
    pub(super) async fn run_flow(&self) -> Result<Session> {
        let known = self.stores.load_all().await;
        self.options.refuse_to_replace(&self.issuer, &known)?;
        self.stores.run(FallbackStore::warn_if_not_savable).await;
        tokio::select! {
            // Poll the flow first, so that it is not dropped between a request and its outcome.
            biased;
            token = self.run_flow_of_mode() => match token {
                Ok(token) => Ok(Session::new(self.clone(), token)),
                Err(error) => {
                    let other = self.find_other_login(&known).await;
                    other.map(|other| self.take_over(other)).ok_or(error)
                }
            },
            other = self.wait_for_other_login(&known) => Ok(self.take_over(other)),
        }
    }

    async fn run_flow_of_mode(&self) -> Result<Token> {
        let outcome = match self.options.flow_mode {
            FlowMode::Device => self.run_device().await,
            FlowMode::Browser => self.run_browser().await,
            FlowMode::Auto => self.run_auto().await,
        };
        self.options.prompt.countdown(None);
        outcome
    }

    async fn run_auto(&self) -> Result<Token> {
        if self.options.platform.is_unattended() {
            return Err(Error::permanent(
                "nobody is logged in, CI is set, and there is no terminal where a person could log in: run it once by \
                 hand, ask for the device flow by name, or use the client credentials grant for a machine",
            ));
        }
        tokio::select! {
            biased;
            () = self.wait_until_nobody_sees_the_prompt() => Err(Error::permanent(
                "nobody is logged in, and nobody can see the prompt: log in once in a terminal, ask for a flow by \
                 name, or use the client credentials grant for a machine",
            )),
            outcome = self.run_available() => outcome,
        }
    }

    /// Waits until nobody can see the prompt, and no token would be lost if the flow ended.
    async fn wait_until_nobody_sees_the_prompt(&self) {
        while self.options.prompt.is_visible() || !self.options.in_flight.is_idle() {
            tokio::time::sleep(VISIBILITY_INTERVAL).await;
        }
    }

    async fn run_available(&self) -> Result<Token> {
        // Without a client no flow starts, so say nothing about flows.
        self.client()?;
        if let Some(obstacle) = self.options.platform.browser().obstacle() {
            self.notice(format!(
                "No browser can be opened here: {obstacle}. This login uses a device code instead"
            ));
            return self.run_device().await;
        }
        match self.run_browser().await {
            Err(because) if because.is_browser_failure() => {
                tracing::debug!(error = %because, "falling back to the device flow");
                self.notice(format!(
                    "{}. This login uses a device code instead",
                    because.happened()
                ));
                self.run_device().await
            }
            outcome => outcome,
        }
    }

    async fn run_browser(&self) -> Result<Token> {
        let options = &self.options;
        let browser = options.browser_or_default();
        if let Some(reason) = options.problem_with_browser_variable() {
            self.notice(format!("BROWSER is not used, because {reason}"));
        }
        let flow = AuthCodeOptions {
            redirect_uri: options.redirect_uri.clone(),
            // In auto mode, the device flow takes over.
            browser_required: options.flow_mode == FlowMode::Auto,
            in_flight: options.in_flight.clone(),
            ..AuthCodeOptions::default()
        };
        let (client, scopes, prompt) = (self.client()?, &options.scopes, &*options.prompt);
        let (token, page) = run_auth_code_flow(client, scopes, &flow, &*browser, prompt).await?;
        self.save_login(&token, Some(page)).await;
        Ok(token)
    }

    async fn run_device(&self) -> Result<Token> {
        let (client, options) = (self.client()?, &self.options);
        let run = || {
            run_device_flow(
                client,
                &options.scopes,
                &*options.prompt,
                &options.in_flight,
            )
        };
        let token = match run().await {
            // A person at a terminal may have been called away, so offer another code. Without a
            // terminal, a script would go on forever.
            Err(Error::LoginExpired { .. }) if options.platform.terminal => {
                self.notice("The code expired. Here is a new one:");
                run().await?
            }
            outcome => outcome?,
        };
        self.save_login(&token, None).await;
        Ok(token)
    }

    /// Stores the token of a new login, and then tells the browser, if one waits, how that went.
    async fn save_login(&self, token: &Token, page: Option<OutcomePage>) {
        let _saving = self.options.in_flight.enter();
        // Take the lock so that we do not save between another process's refresh and its save. If
        // it cannot be acquired in time, save anyway: a new login must not be lost.
        let locked = self.stores.lock_if_possible().await;
        let mut stored = self.to_stored(token);
        stored.requested_scope = Some(self.options.scopes.join(" "));
        stored.requested_parameters = self.options.parameters.encoded();
        stored.logged_in_at = Some(seconds_since_1970(SystemTime::now()).as_secs());
        // Another run may have logged in at another server while this one waited.
        let (options, issuer) = (self.options.clone(), self.issuer.clone());
        let may_replace = move |stored: &[_]| options.refuse_to_replace(&issuer, stored);
        let is_saved = locked.save_login(stored, may_replace).await;
        drop(locked);
        if let Some(granted) = &token.scope {
            self.warn_of_missing_scopes(granted);
        }
        match page {
            None => {}
            Some(page) if is_saved => page.saved().await,
            Some(page) => page.not_saved("The terminal shows why.").await,
        }
    }
}
