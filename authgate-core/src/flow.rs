//! Flows that log a person in: through a browser on this machine, or with a code on another device.
//!
//! [`run_auth_code_flow`] opens a browser and waits for it to come back to a loopback address;
//! [`run_device_flow`] shows a code that the person types elsewhere. [`Surroundings`] tells which
//! of the two can work here. A [`Prompt`] shows the person what to do.

mod auth_code;
mod browser;
mod callback;
mod deadline;
mod device;
mod in_flight;
mod notice;
mod page;
mod prompt;
mod redirect_uri;
mod surroundings;

pub use auth_code::{AuthCodeOptions, IfBrowserFails, Login, OutcomePage, run_auth_code_flow};
pub use browser::{Browser, Opening, SystemBrowser};
#[cfg(feature = "fuzzing")]
pub use callback::{Callback, Visited};
pub use device::run_device_flow;
pub use in_flight::{Entered, InFlight};
pub use notice::Notice;
pub use prompt::{BrowserPrompt, DevicePrompt, Prompt, StandardError};
pub use redirect_uri::RedirectUri;
pub use surroundings::{Launcher, Lookup, NoBrowser, Surroundings, System};
