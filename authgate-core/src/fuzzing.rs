//! Additions to the public interface for the fuzz targets: they answer requests without a server,
//! and send requests to the callback address without a socket.
//!
//! Compiled only with the cargo feature `fuzzing`.

pub use crate::flow::Callback;
pub use crate::http::fuzzing::answer_with;
