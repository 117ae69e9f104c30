//! `rust-m2m` from start to finish, beside the same three requests by hand, by curl and by Python.

use std::cell::RefCell;
use std::path::Path;

use anyhow::Result;
use authgate_dev_server::DevServer;

use crate::process::{Process, Usage};
use crate::programs::Programs;
use crate::rounds::{Contender, Costs, interleave};
use crate::sample_server::SampleServer;
use crate::table::{Goal, Row, mebibytes, time};

const ROUNDS: usize = 25;
/// Of the programs that take milliseconds, in each round.
const RUNS: usize = 8;

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    over_http(programs)
}

fn over_http(programs: &Programs) -> Result<Vec<Row>> {
    let server = SampleServer::start(DevServer::builder())?;
    let folder = programs.folder()?;
    let mut floor = service(programs, folder.path(), &server, &programs.built("three-requests"));
    let mut curl = curl(programs, folder.path(), &server);
    let mut python =
        service(programs, folder.path(), &server, &programs.python()).arguments([programs.script("m2m.py")]);
    let mut rust = service(programs, folder.path(), &server, &programs.built("rust-m2m"));

    let ours = RefCell::new(Vec::new());
    let theirs = RefCell::new(Vec::new());
    let mut as_planned = 0;
    let [floor, curl, python, rust] = interleave(
        ROUNDS,
        [
            Contender::new(RUNS, || Ok(floor.run()?.wall)),
            Contender::new(RUNS, || Ok(curl.run()?.wall)),
            Contender::new(1, || record(&theirs, python.run()?)),
            Contender::new(RUNS, || {
                let (connections, requests) = server.traffic();
                let usage = rust.run()?;
                as_planned += usize::from(server.traffic() == (connections + 1, requests + 3));
                record(&ours, usage)
            }),
        ],
    )?;
    let (ours, theirs) = (ours.into_inner(), theirs.into_inner());
    let runs = ours.len();
    let what = "`rust-m2m` over http";
    let row = |against: &str, theirs: &Costs, most| {
        Row::ratio(what, against, time(theirs.median()), time(rust.median()), &rust.over(theirs), Goal::AtMost(most))
    };
    let memory = |usages: &[Usage]| usages.iter().map(|usage| usage.peak_memory).collect();
    let (peak, their_peak): (Costs, Costs) = (memory(&ours), memory(&theirs));
    Ok(vec![
        row("Python SDK", &python, 0.012),
        row("curl", &curl, 0.30),
        row("std::net by hand", &floor, 1.6),
        Row::count(
            "1 connection and 3 requests",
            "",
            "",
            format!("{as_planned} of {runs} runs"),
            "all runs",
            as_planned == runs,
        ),
        Row::ratio(
            "peak memory of `rust-m2m`",
            "Python SDK",
            mebibytes(their_peak.median()),
            mebibytes(peak.median()),
            &peak.over(&their_peak),
            Goal::AtMost(0.20),
        ),
    ])
}

fn record(usages: &RefCell<Vec<Usage>>, usage: Usage) -> Result<f64> {
    usages.borrow_mut().push(usage);
    Ok(usage.wall)
}

/// A program with the service's settings.
fn service(programs: &Programs, folder: &Path, server: &SampleServer, program: &Path) -> Process {
    Process::new(programs, folder, program)
        .with("AUTHGATE_URL", server.url())
        .with("CLIENT_ID", &server.confidential_client().id)
        .with("CLIENT_SECRET", server.secret())
}

/// The three requests on one connection. curl cannot read the token out of the second answer, so it
/// is given one beforehand: it does less than the others.
fn curl(programs: &Programs, folder: &Path, server: &SampleServer) -> Process {
    let token = server.issue_tokens(server.confidential_client(), "profile email").access_token;
    let quiet = ["--silent", "--fail", "--output", "/dev/null"];
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=profile+email",
        server.confidential_client().id,
        server.secret()
    );
    Process::new(programs, folder, "/usr/bin/curl")
        .arguments(quiet)
        .arguments([format!("{}/.well-known/openid-configuration", server.url())])
        .arguments(["--next"])
        .arguments(quiet)
        .arguments(["--data", &form, &format!("{}/oauth/token", server.url()), "--next"])
        .arguments(quiet)
        .arguments(["--header", &format!("Authorization: Bearer {token}"), &format!("{}/oauth/userinfo", server.url())])
}
