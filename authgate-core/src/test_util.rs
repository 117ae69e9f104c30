//! Items that only tests, benchmarks and fuzz targets use: clocks that stand still, the stores, each
//! flow by itself, a machine made up.
//!
//! Compiled only with the cargo feature `test-util`. Programs do without it, and it changes without
//! notice.

pub use crate::clock::{Clock, Moment, SystemClock};
pub use crate::config::parse_url_without_query;
#[cfg(feature = "login")]
pub use crate::flow::{
    AuthCodeOptions, Launcher, OutcomePage, Platform, System, SystemBrowser, run_auth_code_flow,
    run_device_flow,
};
pub use crate::http::no_proxy_covers;
#[cfg(feature = "login")]
pub use crate::notice::Notices;
#[cfg(feature = "login")]
pub use crate::store::{
    FallbackStore, FileStore, FoundLogins, FoundTokens, KeyringStore, LoginGuard, LoginLock,
    StoredLogin, StoredToken, TokenStore,
};
pub use crate::text::{printable, printable_body};
pub use crate::token::Freshness;
