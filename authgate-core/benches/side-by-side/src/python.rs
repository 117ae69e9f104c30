//! Reads the output of a Python peer, line by line.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout};

use anyhow::{Context, Result};

pub(crate) struct Answers(Lines<BufReader<ChildStdout>>);

impl Answers {
    pub(crate) fn of(child: &mut Child) -> Result<Self> {
        let stdout = child.stdout.take().context("its output is not captured")?;
        Ok(Self(BufReader::new(stdout).lines()))
    }

    pub(crate) fn next(&mut self) -> Result<String> {
        Ok(self
            .0
            .next()
            .context("Python ended early; what it said is above")??)
    }

    pub(crate) fn rest(self) -> impl Iterator<Item = std::io::Result<String>> {
        self.0
    }
}
