//! Additions to the public interface for the fuzz targets: they answer requests without a server,
//! and send requests to the callback address without a socket.
//!
//! Compiled only under `cfg(fuzzing)`, which `cargo fuzz` sets.

#[cfg(feature = "login")]
pub use crate::flow::Callback;
pub use crate::http::fuzzing::answer_with;
