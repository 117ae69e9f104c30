//! Measures what an outage of the token endpoint does to 64 callers of our client and of the Python
//! SDK.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use authgate_core::TokenSource;
use authgate_dev_server::{Endpoint, Fault, Times};
use tokio::runtime::Runtime;

use crate::callers::{self, Call, Outcome, Plan, PythonCallers, now};
use crate::programs::Programs;
use crate::sample_server::SampleServer;
use crate::shared_token::lifetime;
use crate::table;

const EXPIRES_IN: u64 = 7;
const BEFORE: Duration = Duration::from_secs(1);
/// Longer than a token's lifetime.
const OUTAGE: Duration = Duration::from_secs(12);
/// Longer than both clients wait for an answer.
const AFTERWARDS: Duration = Duration::from_secs(35);
/// Calls that begin this close to the token's expiry count on neither side.
const BLUR: Duration = Duration::from_millis(100);

const OURS: &str = "ours";

const PLAN: Plan = Plan {
    callers: 64,
    pause: Duration::from_millis(50),
    lasting: BEFORE.saturating_add(OUTAGE).saturating_add(AFTERWARDS),
    expiry_delta: 7.0 / 3.0,
};

const NOTES: &str = "
64 callers, a call each 50 ms; `expires_in` 7 s; the outage begins 1 s after the token was got and lasts 12 s; callers
are watched for 35 s after it. A call counts as made while the token was valid by when it was begun. Python SDK:
`expiry_delta` a third of the token's life (its default of 30 s would fetch at each call), its own time limit of 30 s
for each read. Ours: all defaults, a limit of 30 s for the whole answer. Requests are those during the outage. Goal:
with ours no caller fails while the token is valid.";

/// One client's results.
struct Outcomes {
    requests: usize,
    failed_while_valid: usize,
    failed_after: usize,
    longest_wait_while_valid: Duration,
    /// The time from the server's return to the first token.
    recovery: Option<Duration>,
}

/// Measures all outages, and returns the table and whether its goal is met. The outages run at
/// once, each with its own server, because they mostly wait.
pub(crate) fn table(programs: &Programs) -> Result<(String, bool)> {
    let faults = [
        ("answers 503", Fault::status(503)),
        ("hangs", Fault::Hang),
        ("closes the connection", Fault::Drop),
        (
            "drips 8 bytes a second",
            Fault::Drip {
                every: Duration::from_secs(1),
                bytes: 8,
            },
        ),
    ];
    let mut table = table::markdown([
        "the token endpoint",
        "client",
        "requests",
        "callers failed while the token was valid",
        "callers failed after",
        "longest wait while the token was valid",
        "recovery",
    ]);
    let mut is_met = true;
    thread::scope(|scope| {
        let started = faults.each_ref().map(|(name, fault)| {
            (
                *name,
                [
                    ("Python SDK", scope.spawn(|| python(programs, fault))),
                    (OURS, scope.spawn(|| ours(fault))),
                ],
            )
        });
        for (name, clients) in started {
            for (client, outcomes) in clients {
                let outcomes = outcomes
                    .join()
                    .map_err(|_| anyhow!("{client}: the watch of an outage panicked"))??;
                is_met &= client != OURS || outcomes.failed_while_valid == 0;
                table.add_row(outcomes.cells(name, client));
            }
        }
        anyhow::Ok(())
    })?;
    let mut text = table.to_string();
    writeln!(text, "\n{}", NOTES.trim_start())?;
    Ok((text, is_met))
}

fn python(programs: &Programs, fault: &Fault) -> Result<Outcomes> {
    let server = SampleServer::start(lifetime(EXPIRES_IN))?;
    let callers = PythonCallers::ready(programs, &server, PLAN)?;
    watch(&server, fault, || callers.run())
}

fn ours(fault: &Fault) -> Result<Outcomes> {
    let server = SampleServer::start(lifetime(EXPIRES_IN))?;
    let runtime = Runtime::new()?;
    let tokens = TokenSource::builder(server.client()?).build();
    runtime.block_on(tokens.header())?;
    watch(&server, fault, || {
        Ok(runtime.block_on(callers::ours(PLAN, tokens)))
    })
}

/// Runs the callers through an outage.
fn watch(
    server: &SampleServer,
    fault: &Fault,
    run: impl FnOnce() -> Result<Vec<Call>>,
) -> Result<Outcomes> {
    let requests = server.requests_at(Endpoint::Token);
    let granted = requests
        .first()
        .context("no token was asked for")?
        .arrived_at
        .elapsed();
    let valid_until = (now() + Duration::from_secs(EXPIRES_IN)).saturating_sub(granted);
    thread::scope(|scope| {
        let outage = scope.spawn(|| {
            thread::sleep(BEFORE);
            let before = server.count(Endpoint::Token);
            server.inject(Endpoint::Token, fault.clone(), Times::Always);
            thread::sleep(OUTAGE);
            server.clear_faults();
            (server.count(Endpoint::Token) - before, now())
        });
        let calls = run()?;
        let (requests, returned) = outage.join().map_err(|_| anyhow!("the outage panicked"))?;
        Ok(Outcomes::of(&calls, valid_until, requests, returned))
    })
}

impl Outcomes {
    fn of(calls: &[Call], valid_until: Duration, requests: usize, returned: Duration) -> Self {
        let while_valid = || calls.iter().filter(|call| call.begun + BLUR < valid_until);
        let after = || calls.iter().filter(|call| call.begun > valid_until + BLUR);
        Self {
            requests,
            failed_while_valid: failed(while_valid()),
            failed_after: failed(after()),
            longest_wait_while_valid: while_valid().map(Call::wait).max().unwrap_or_default(),
            recovery: calls
                .iter()
                .filter(|call| call.outcome == Outcome::Token && call.ended >= returned)
                .map(|call| call.ended.saturating_sub(returned))
                .min(),
        }
    }

    fn cells(&self, fault: &str, client: &str) -> [String; 7] {
        let of_all = |callers: usize| format!("{callers} of {}", PLAN.callers);
        [
            fault.to_owned(),
            client.to_owned(),
            self.requests.to_string(),
            of_all(self.failed_while_valid),
            of_all(self.failed_after),
            table::time(self.longest_wait_while_valid.as_secs_f64()),
            self.recovery.map_or_else(
                || "not seen".to_owned(),
                |recovery| table::time(recovery.as_secs_f64()),
            ),
        ]
    }
}

/// Counts the callers that had a call without a token.
fn failed<'a>(calls: impl Iterator<Item = &'a Call>) -> usize {
    calls
        .filter(|call| call.outcome != Outcome::Token)
        .map(|call| call.caller)
        .collect::<BTreeSet<_>>()
        .len()
}
