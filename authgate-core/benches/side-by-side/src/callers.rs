//! Many callers of one token source, ours or the Python SDK's, and the outcome of each call.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::TokenSource;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::programs::Programs;
use crate::python::Answers;
use crate::sample_server::SampleServer;

/// How many callers there are, and how they call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) callers: usize,
    /// The pause between a caller's calls.
    pub(crate) pause: Duration,
    /// How long the callers call. If zero, each calls once, and there is no token to begin with.
    pub(crate) lasting: Duration,
    /// The Python SDK's margin, in seconds; our client chooses its own.
    pub(crate) expiry_delta: f64,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) caller: usize,
    pub(crate) begun: Duration,
    pub(crate) ended: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Token,
    Error,
    /// The measurement ended before an answer arrived.
    Waiting,
}

impl Call {
    pub(crate) fn wait(&self) -> Duration {
        self.ended.saturating_sub(self.begun)
    }
}

/// Reads the clock that we time calls with; Python reads the same one.
pub(crate) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Runs our callers, one task each.
pub(crate) async fn ours(plan: Plan, tokens: TokenSource) -> Vec<Call> {
    let end = Instant::now() + plan.lasting;
    let mut tasks = JoinSet::new();
    for caller in 0..plan.callers {
        tasks.spawn(call_until(end, caller, plan.pause, tokens.clone()));
    }
    tasks.join_all().await.concat()
}

async fn call_until(
    end: Instant,
    caller: usize,
    pause: Duration,
    tokens: TokenSource,
) -> Vec<Call> {
    let only_once = end <= Instant::now();
    let mut calls = Vec::new();
    loop {
        let begun = now();
        let answer = if only_once {
            Ok(tokens.header().await)
        } else {
            tokio::time::timeout_at(end, tokens.header()).await
        };
        let outcome = match answer {
            Ok(Ok(_)) => Outcome::Token,
            Ok(Err(_)) => Outcome::Error,
            Err(_) => Outcome::Waiting,
        };
        calls.push(Call {
            caller,
            begun,
            ended: now(),
            outcome,
        });
        sleep(pause).await;
        if Instant::now() >= end {
            return calls;
        }
    }
}

/// The Python SDK's callers, one thread each, ready to begin.
pub(crate) struct PythonCallers {
    child: Child,
    answers: Answers,
}

impl PythonCallers {
    /// Starts the callers. They have a token when this returns, unless they are to begin without
    /// one.
    pub(crate) fn ready(programs: &Programs, server: &SampleServer, plan: Plan) -> Result<Self> {
        let mut child = Command::new(programs.python())
            .arg(programs.script("callers.py"))
            .arg(plan.callers.to_string())
            .arg(plan.pause.as_millis().to_string())
            .arg(plan.lasting.as_secs_f64().to_string())
            .arg(plan.expiry_delta.to_string())
            .env("AUTHGATE_URL", server.url())
            .env("CLIENT_ID", &server.confidential_client().id)
            .env("CLIENT_SECRET", server.secret())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("Python cannot be run")?;
        let mut answers = Answers::of(&mut child)?;
        answers.next()?;
        Ok(Self { child, answers })
    }

    /// Lets the callers call, and returns their calls when they are done.
    pub(crate) fn run(mut self) -> Result<Vec<Call>> {
        // Python waits for a line; closing its input ends that wait.
        drop(self.child.stdin.take());
        let calls = self.answers.rest().map(|line| parse(&line?)).collect();
        self.child.wait()?;
        calls
    }
}

fn parse(line: &str) -> Result<Call> {
    let mut words = line.split_whitespace();
    let mut next = || words.next().context("Python said something else");
    Ok(Call {
        caller: next()?.parse()?,
        begun: Duration::from_nanos(next()?.parse()?),
        ended: Duration::from_nanos(next()?.parse()?),
        outcome: match next()? {
            "token" => Outcome::Token,
            "error" => Outcome::Error,
            _ => Outcome::Waiting,
        },
    })
}
