//! Lets the `oauth2` crate use our HTTP client.

use std::pin::Pin;

use http::StatusCode;

use super::{HttpClient, Retry};
use crate::error::{Cause, Error, Result};

/// One grant's way to the token endpoint.
///
/// The crate is given only answers that carry a token: status 200 and a JSON object without
/// `error`. From everything else [`Answer`](super::Answer) makes an error that keeps the status
/// and `Retry-After`, which the crate would drop, and drops the body, which it would keep.
pub(crate) struct OAuth2Adapter<'a> {
    pub(crate) http: &'a HttpClient,
    pub(crate) operation: &'static str,
    pub(crate) retry: Retry,
}

impl<'c> oauth2::AsyncHttpClient<'c> for OAuth2Adapter<'_> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<oauth2::HttpResponse>> + Send + 'c>>;

    fn call(&'c self, request: oauth2::HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request)
                .map_err(|error| Error::config(format!("{}: {}", self.operation, Cause::innermost(&error))))?;
            let answer = self.http.send(self.operation, request, self.retry).await?;
            answer.object()?;
            let mut response = oauth2::HttpResponse::new(answer.into_body());
            *response.status_mut() = StatusCode::OK;
            Ok(response)
        })
    }
}
