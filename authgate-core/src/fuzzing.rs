//! What the fuzz targets need beside the public interface: to have requests answered without a
//! server, and the callback address visited without a socket.
//!
//! Compiled under `cfg(fuzzing)` only, which `cargo fuzz` sets.

#[cfg(feature = "login")]
pub use crate::flow::{Callback, Visited};
pub use crate::http::fuzzing::answer_with;
