//! Every answer of a server gives a usable value, or an error that is safe to show.

use std::time::Duration;

use authgate_core::test_util::{Freshness, Moment};
use authgate_core::{DeviceAuth, Error, Introspection, Metadata, PlainHttp, Result, Secret, Token};

use super::text::assert_is_harmless;
use super::url::assert_may_get_a_secret;

/// The secrets that requests carry. No error may contain them.
pub(crate) const CLIENT_SECRET: &str = "canary-secret";
pub(crate) const REFRESH_TOKEN: &str = "canary-refresh";
pub(crate) const ACCESS_TOKEN: &str = "canary-token";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Checks every error after a request that carried these secrets.
pub(crate) fn check_error(error: &Error, sent: &[&str]) {
    let shown = error.to_string();
    assert_is_harmless(&shown);
    assert!(shown.chars().count() < 1000, "{shown}");
    assert!(
        matches!(
            error,
            Error::OAuth { .. }
                | Error::Response { .. }
                | Error::WrongServer { .. }
                | Error::Other { .. }
        ),
        "{error:?}"
    );
    assert!(
        error.retry_after().is_none_or(|wait| wait <= DAY),
        "{error:?}"
    );
    let everything = format!("{error:?} {shown}");
    for secret in sent {
        assert!(!everything.contains(secret), "{everything}");
    }
}

pub(crate) fn check_token(result: &Result<Token>, sent: &[&str]) {
    let token = match result {
        Ok(token) => token,
        Err(error) => return check_error(error, sent),
    };
    let access_token = token.access_token.expose();
    assert!(
        !access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic()),
        "{token:?}"
    );
    assert_eq!(token.token_type, "Bearer");
    assert!(
        token
            .lifetime
            .is_none_or(|lifetime| lifetime <= TEN_YEARS && lifetime.subsec_nanos() == 0),
        "{token:?}"
    );
    let is_empty = |secret: &Option<Secret>| secret.as_ref().is_some_and(Secret::is_empty);
    assert!(!is_empty(&token.refresh_token) && !is_empty(&token.id_token));
    // The clock may show any time.
    for now in [Duration::ZERO, Duration::MAX] {
        Freshness::of(token, Moment::after_start(now), Duration::MAX);
    }
}

pub(crate) fn check_metadata(result: &Result<impl AsRef<Metadata>>, issuer: &str) {
    let metadata = match result {
        Ok(metadata) => metadata.as_ref(),
        Err(error) => return check_error(error, &[]),
    };
    assert_eq!(metadata.issuer.as_str(), issuer);
    let named = [
        &metadata.authorization_endpoint,
        &metadata.userinfo_endpoint,
        &metadata.revocation_endpoint,
    ];
    let always = [
        &metadata.token_endpoint,
        &metadata.device_authorization_endpoint,
        &metadata.introspection_endpoint,
        &metadata.tokeninfo_endpoint,
    ];
    for url in named.into_iter().flatten().chain(always) {
        assert_may_get_a_secret(url, PlainHttp::Loopback);
        assert!(
            url.scheme() == "https" || issuer.starts_with("http:"),
            "{url}"
        );
    }
}

pub(crate) fn check_device(result: &Result<DeviceAuth>) {
    let device = match result {
        Ok(device) => device,
        Err(error) => return check_error(error, &[CLIENT_SECRET]),
    };
    let user_code = &device.user_code;
    assert!((1..=40).contains(&user_code.len()), "{user_code}");
    assert!(
        user_code
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' '),
        "{user_code}"
    );
    assert!(!device.device_code.is_empty());
    assert!(
        device.expires_in > Duration::ZERO && device.expires_in <= Duration::from_secs(30 * 60)
    );
    assert!(
        device.interval >= Duration::from_secs(1)
            && device.interval <= Duration::from_secs(30 * 60)
    );
    for page in [
        Some(&device.verification_uri),
        device.verification_uri_complete.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        let mut page = page.clone();
        assert_eq!(page.origin(), device.verification_uri.origin());
        page.set_fragment(None);
        assert_may_get_a_secret(&page, PlainHttp::Loopback);
    }
}

pub(crate) fn check_introspection(result: &Result<Introspection>) {
    match result {
        Ok(introspection) => {
            assert!(introspection.active || *introspection == Introspection::default());
        }
        Err(error) => check_error(error, &[CLIENT_SECRET, ACCESS_TOKEN]),
    }
}
