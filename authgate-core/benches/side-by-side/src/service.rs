//! Measures `rust-m2m` from start to finish, next to the same three requests by hand, by curl and
//! by Python.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use authgate_dev_server::{DevServer, DevServerBuilder};
use tempfile::TempDir;

use crate::process::{Process, Usage};
use crate::programs::Programs;
use crate::rounds::{Contender, Costs, interleave};
use crate::sample_server::SampleServer;
use crate::table::{Goal, Row, mebibytes, time};

const ROUNDS: usize = 25;
/// The runs in each round of programs that take milliseconds.
const RUNS: usize = 8;

/// The files in which systems bundle all their authorities.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let mut rows = over_http(programs)?;
    rows.extend(over_https(programs)?);
    Ok(rows)
}

fn over_http(programs: &Programs) -> Result<Vec<Row>> {
    let service = Service::start(programs, DevServer::builder())?;
    let (mut floor, mut curl) = (
        service.process(&programs.built("three-requests")),
        service.curl(),
    );
    let (mut python, mut rust) = (
        service.python(),
        service.process(&programs.built("rust-m2m")),
    );
    let (theirs, ours, as_planned) = (RefCell::default(), RefCell::default(), Cell::new(0));
    let [floor, curl, python, rust] = interleave(
        ROUNDS,
        [
            Contender::new(RUNS, || Ok(floor.run()?.wall)),
            Contender::new(RUNS, || Ok(curl.run()?.wall)),
            Contender::new(1, || Ok(record(&theirs, python.run()?))),
            Contender::new(RUNS, || {
                Ok(record(&ours, service.watch(&mut rust, &as_planned)?))
            }),
        ],
    )?;

    let what = "`rust-m2m` over http";
    let (peak, their_peak) = (peak_memory(&ours), peak_memory(&theirs));
    Ok(vec![
        row(what, "Python SDK", &python, &rust, 0.012),
        row(what, "curl", &curl, &rust, 0.30),
        row(what, "std::net by hand", &floor, &rust, 1.6),
        all_as_planned(what, as_planned.get(), ours.borrow().len()),
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

fn over_https(programs: &Programs) -> Result<Vec<Row>> {
    let service = Service::start(programs, DevServer::builder().https())?;
    let (mut curl, mut python) = (service.curl(), service.python());
    let mut rust = service.process(&programs.built("rust-m2m"));
    let as_planned = Cell::new(0);
    let [curl, python, rust] = interleave(
        ROUNDS,
        [
            Contender::new(RUNS, || Ok(curl.run()?.wall)),
            Contender::new(1, || Ok(python.run()?.wall)),
            Contender::new(RUNS, || Ok(service.watch(&mut rust, &as_planned)?.wall)),
        ],
    )?;

    let what = format!("`rust-m2m` over https, {} authorities", service.authorities);
    Ok(vec![
        row(&what, "Python SDK", &python, &rust, 0.02),
        row(&what, "curl", &curl, &rust, 0.20),
        // The first round counts here.
        all_as_planned(
            "`rust-m2m` over https",
            as_planned.get(),
            (ROUNDS + 1) * RUNS,
        ),
    ])
}

fn row(what: &str, against: &str, theirs: &Costs, ours: &Costs, most: f64) -> Row {
    Row::ratio(
        what,
        against,
        time(theirs.median()),
        time(ours.median()),
        &ours.over(theirs),
        Goal::AtMost(most),
    )
}

fn all_as_planned(what: &str, as_planned: usize, runs: usize) -> Row {
    let what = format!("{what}: 1 connection and 3 requests");
    Row::count(
        &what,
        "",
        "",
        format!("{as_planned} of {runs} runs"),
        "all runs",
        as_planned == runs,
    )
}

fn record(usages: &RefCell<Vec<Usage>>, usage: Usage) -> f64 {
    usages.borrow_mut().push(usage);
    usage.wall
}

/// Returns the median of all runs, because the same program takes the same memory each time.
fn peak_memory(usages: &RefCell<Vec<Usage>>) -> Costs {
    let all: Costs = usages
        .borrow()
        .iter()
        .map(|usage| usage.peak_memory)
        .collect();
    Costs::from_iter([all.median()])
}

/// A server and the programs that call it.
struct Service<'a> {
    programs: &'a Programs,
    server: SampleServer,
    folder: TempDir,
    /// The system's authorities and the server's own, in one file.
    bundle: Option<PathBuf>,
    authorities: usize,
}

impl<'a> Service<'a> {
    fn start(programs: &'a Programs, builder: DevServerBuilder) -> Result<Self> {
        let (server, folder) = (SampleServer::start(builder)?, programs.folder()?);
        let mut service = Self {
            programs,
            server,
            folder,
            bundle: None,
            authorities: 0,
        };
        if let Some(authority) = service.server.certificate_authority() {
            let system = BUNDLES
                .iter()
                .find_map(|bundle| fs::read_to_string(bundle).ok());
            let all =
                system.context("this system has no bundle of certificate authorities")? + authority;
            let bundle = service.folder.path().join("bundle.pem");
            fs::write(&bundle, &all)?;
            service.authorities = all.matches("BEGIN CERTIFICATE").count();
            service.bundle = Some(bundle);
        }
        Ok(service)
    }

    /// Prepares a program with the service's settings.
    fn process(&self, program: &Path) -> Process {
        let process = Process::new(self.programs, self.folder.path(), program)
            .with("AUTHGATE_URL", self.server.url())
            .with("CLIENT_ID", &self.server.confidential_client().id)
            .with("CLIENT_SECRET", self.server.secret());
        match &self.bundle {
            Some(bundle) => process.with("SSL_CERT_FILE", bundle),
            None => process,
        }
    }

    fn python(&self) -> Process {
        self.process(&self.programs.python())
            .arguments([self.programs.script("m2m.py")])
    }

    /// Prepares curl with the three requests on one connection. curl cannot read the token in the
    /// second answer, so we give it a token beforehand: it does less than the others.
    fn curl(&self) -> Process {
        let (server, url) = (&self.server, self.server.url());
        let token = server
            .issue_tokens(server.confidential_client(), "profile email")
            .access_token;
        let id = &server.confidential_client().id;
        let secret = server.secret();
        let form = format!(
            "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=profile+email"
        );
        let trust = self
            .bundle
            .iter()
            .flat_map(|bundle| ["--cacert".into(), bundle.clone().into_os_string()]);
        let quiet: Vec<_> = ["--silent", "--fail", "--output", "/dev/null"]
            .into_iter()
            .map(Into::into)
            .chain(trust)
            .collect();
        Process::new(self.programs, self.folder.path(), "/usr/bin/curl")
            .arguments(&quiet)
            .arguments([&format!("{url}/.well-known/openid-configuration"), "--next"])
            .arguments(&quiet)
            .arguments(["--data", &form, &format!("{url}/oauth/token"), "--next"])
            .arguments(&quiet)
            .arguments([
                "--header",
                &format!("Authorization: Bearer {token}"),
                &format!("{url}/oauth/userinfo"),
            ])
    }

    /// Runs `rust-m2m`, and counts the run if it made one connection and three requests.
    fn watch(&self, rust: &mut Process, as_planned: &Cell<usize>) -> Result<Usage> {
        let (connections, requests) = self.server.traffic();
        let usage = rust.run()?;
        if self.server.traffic() == (connections + 1, requests + 3) {
            as_planned.set(as_planned.get() + 1);
        }
        Ok(usage)
    }
}
