//! One request to an API, built step by step.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response};
use serde::Serialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::BearerAuth;
use crate::config::refused;
use crate::error::{Error, Result};

/// A request that [`BearerAuth`] will send. If a step fails, for example for an invalid header,
/// [`send`](Self::send) returns the error.
#[derive(Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct RequestBuilder<'a> {
    api: &'a BearerAuth,
    request: Result<Request>,
}

impl<'a> RequestBuilder<'a> {
    pub(super) fn new(api: &'a BearerAuth, method: Method, url: &str) -> Self {
        let url = Url::parse(url).map_err(|reason| refused("the API's URL", &reason.to_string()));
        Self {
            api,
            request: url.map(|url| Request::new(method, url)),
        }
    }

    /// Adds parameters to the query of the URL.
    pub fn query<N: AsRef<str>, V: AsRef<str>>(
        self,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.change(|request| {
            request.url_mut().query_pairs_mut().extend_pairs(parameters);
        })
    }

    /// Sets a header; the token's header replaces `Authorization`.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let Ok(name) = HeaderName::try_from(name.as_ref()) else {
            return self.fail("a header whose name is not valid");
        };
        let Ok(value) = HeaderValue::try_from(value.as_ref()) else {
            return self.fail(&format!("a header {name} whose value is not valid"));
        };
        self.change(|request| {
            request.headers_mut().insert(name, value);
        })
    }

    /// Sets the body to a form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        self,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let form = Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        self.body_of_type("application/x-www-form-urlencoded", form)
    }

    /// Sets the body to `value` as JSON.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.body_of_type("application/json", json),
            // The serializer's message may quote the value.
            Err(_) => self.fail("no JSON body: its value cannot be written as JSON"),
        }
    }

    /// Sets the body. A stream cannot be sent again after a 401.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|request| *request.body_mut() = Some(body.into()))
    }

    /// Limits the time from the start of the request to the end of the answer's body. By default,
    /// only the time to connect is limited, to 15 s.
    pub fn timeout(self, limit: Duration) -> Self {
        self.change(|request| *request.timeout_mut() = Some(limit))
    }

    /// Sends the request with a valid token; see [`BearerAuth::execute`] for what happens at a 401.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] for a request that cannot be built; otherwise as for
    /// [`BearerAuth::execute`].
    pub async fn send(self) -> Result<Response> {
        self.api.execute(self.request?).await
    }

    fn body_of_type(self, content_type: &'static str, body: impl Into<Body>) -> Self {
        self.body(body).change(|request| {
            request
                .headers_mut()
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(content_type));
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Request)) -> Self {
        if let Ok(request) = &mut self.request {
            change(request);
        }
        self
    }

    /// Lets [`send`](Self::send) fail, for the first reason if there are several.
    fn fail(self, reason: &str) -> Self {
        let error = Error::permanent(format!("the API's request has {reason}"));
        Self {
            request: self.request.and(Err(error)),
            ..self
        }
    }
}
