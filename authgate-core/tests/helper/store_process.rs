//! Changes stores for the tests, in a process of its own.

fn main() {}
