//! Flows that log a person in: through a browser on this machine, or with a code on another device.
//!
//! [`run_auth_code_flow`] opens a browser and waits for it to come back to a loopback address;
//! [`run_device_flow`] shows a code that the person types elsewhere. [`Platform`] tells which of
//! the two can work here. A [`Prompt`] shows the person what to do.

mod auth_code;
mod authorization_response;
mod browser;
mod browser_variable;
mod callback;
mod deadline;
mod device;
mod in_flight;
mod page;
mod platform;
mod prompt;
mod redirect_uri;

pub use auth_code::{AuthCodeOptions, OutcomePage, run_auth_code_flow};
pub use browser::{Browser, Launcher, SystemBrowser};
#[cfg(feature = "fuzzing")]
pub use callback::Callback;
pub use device::run_device_flow;
pub use in_flight::InFlight;
pub use platform::{Platform, System};
pub(crate) use prompt::StandardError;
pub use prompt::{BrowserPrompt, DevicePrompt, Prompt};
pub use redirect_uri::RedirectUri;
