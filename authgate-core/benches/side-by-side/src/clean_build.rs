//! Measures the first build of `rust-m2m`, next to the same program with reqwest's default
//! features.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{Process, Usage};
use crate::programs::Programs;
use crate::rounds::Costs;
use crate::table::{Goal, Row, time};

/// The arguments that name our program to cargo.
const OURS: [&str; 2] = ["-p", "rust-m2m"];

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let manifest = programs.variant().to_string_lossy().into_owned();
    let theirs = ["--manifest-path", &manifest];
    let (our_crates, their_crates) = (crates(programs, &OURS)?, crates(programs, &theirs)?);
    let (our_build, their_build) = (build(programs, &OURS)?, build(programs, &theirs)?);

    let against = "reqwest's default features";
    let row = |what: &str, of: fn(&Usage) -> f64| {
        let (ours, theirs) = (
            Costs::from_iter([of(&our_build)]),
            Costs::from_iter([of(&their_build)]),
        );
        Row::ratio(
            what,
            against,
            time(theirs.median()),
            time(ours.median()),
            &ours.over(&theirs),
            Goal::AtMost(0.70),
        )
    };
    let count =
        |crates: usize| Costs::from_iter([f64::from(u32::try_from(crates).unwrap_or(u32::MAX))]);
    Ok(vec![
        row("clean build of `rust-m2m`, time", |usage| usage.wall),
        row("clean build of `rust-m2m`, CPU time", |usage| usage.cpu),
        Row::ratio(
            "crates of `rust-m2m`",
            against,
            their_crates.to_string(),
            our_crates.to_string(),
            &count(our_crates).over(&count(their_crates)),
            Goal::AtMost(0.9),
        ),
    ])
}

/// Builds a package as `cargo run` does, in an empty target folder.
fn build(programs: &Programs, package: &[&str]) -> Result<Usage> {
    let target = programs.folder()?;
    let cargo = programs.cargo("build");
    let folder = cargo
        .get_current_dir()
        .context("cargo runs in no folder")?
        .to_owned();
    Process::new(programs, &folder, cargo.get_program())
        .arguments(["build", "--locked", "--quiet"])
        .arguments(package)
        .with_environment()
        .with("CARGO_TARGET_DIR", target.path())
        .run()
}

/// Counts the packages that are compiled, including the program itself.
fn crates(programs: &Programs, package: &[&str]) -> Result<usize> {
    let mut cargo: Command = programs.cargo("tree");
    let output = cargo
        .args(["--locked", "--edges", "normal,build", "--prefix", "none"])
        .args(package)
        .output()?;
    ensure!(
        output.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    // `name v1.2.3 (*)` repeats a package that was named before.
    Ok(text
        .lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>())
        .collect::<BTreeSet<_>>()
        .len())
}
