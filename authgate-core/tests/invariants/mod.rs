//! Statements that must hold for every parser of external input, whatever the input. The tests in
//! `properties` check them with random input, the fuzz targets with the input that they generate.

#![allow(dead_code, reason = "each program uses a part of it")]

pub(crate) mod answers;
pub(crate) mod browser_variable;
pub(crate) mod callback;
pub(crate) mod environment;
pub(crate) mod text;
pub(crate) mod token_file;
pub(crate) mod url;
