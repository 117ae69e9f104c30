//! Measures what users feel, next to every peer in the same run:
//!
//! ```console
//! $ cargo run --release --manifest-path authgate-core/benches/side-by-side/Cargo.toml
//! ```
//!
//! It builds what it needs, runs every part and prints one table, and another for an outage. With
//! the names of parts it runs only those; `--without-build` leaves out the clean builds.

mod callers;
mod clean_build;
mod header;
mod outage;
mod person;
mod process;
mod programs;
mod python;
mod rounds;
mod sample_server;
mod service;
mod shared_token;
mod store;
mod table;

use std::process::ExitCode;

use anyhow::{Result, bail};

use programs::Programs;
use table::Row;

const USAGE: &str = "\
Usage: side-by-side [--without-build] [PART...]

Parts: header, callers, service, person, store, build, outage; all of them when none is named.";

type Part = (&'static str, fn(&Programs) -> Result<Vec<Row>>);

const PARTS: [Part; 6] = [
    ("header", header::rows),
    ("callers", shared_token::rows),
    ("service", service::rows),
    ("person", person::rows),
    ("store", store::rows),
    ("build", clean_build::rows),
];

fn main() -> Result<ExitCode> {
    let mut chosen = Vec::new();
    let mut without_build = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            "--without-build" => without_build = true,
            part if part == "outage" || PARTS.iter().any(|(name, _)| *name == part) => {
                chosen.push(argument);
            }
            other => bail!("{other} is no part.\n\n{USAGE}"),
        }
    }
    let is_wanted = |part: &str| match part {
        "build" if without_build => false,
        part => chosen.is_empty() || chosen.iter().any(|name| name == part),
    };

    let programs = Programs::ready()?;
    let mut rows = Vec::new();
    let mut is_whole = true;
    for (name, measure) in PARTS.into_iter().filter(|(name, _)| is_wanted(name)) {
        eprintln!("measuring: {name}");
        match measure(&programs) {
            Ok(measured) => rows.extend(measured),
            // Go on, because the other parts take minutes and are just as useful without this one.
            Err(error) => {
                is_whole = false;
                eprintln!("error: {name}: {error:#}");
            }
        }
    }
    if !rows.is_empty() {
        println!("{}\n", table::of(&rows));
    }
    if is_wanted("outage") {
        eprintln!("measuring: outage");
        let (table, is_met) = outage::table(&programs)?;
        is_whole &= is_met;
        println!("{table}");
    }
    Ok(if is_whole && rows.iter().all(Row::is_met) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
