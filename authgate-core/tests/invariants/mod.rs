//! What must hold of everything that reads foreign bytes, whatever the bytes: the tests in
//! `properties` hold it against random ones, the fuzz targets against those that they grow.

#![allow(dead_code, reason = "each program uses a part of it")]

pub(crate) mod answers;
pub(crate) mod browser_variable;
pub(crate) mod callback;
pub(crate) mod environment;
pub(crate) mod text;
pub(crate) mod token_file;
pub(crate) mod url;
