//! Ends the program early, but not in the middle of work that must not be interrupted.

use std::process::ExitCode;
#[cfg(unix)]
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::{InFlight, Prompt as _};
use tokio::time::timeout;

use crate::terminal::Terminal;

/// How long we wait for work in progress after a signal.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `work` until it ends or a signal arrives.
///
/// The server may be issuing a token, and the login would be lost with it. After a signal, `work`
/// therefore continues while `in_flight` counts something, until a second signal. `terminal` shows
/// that to the person.
pub(crate) fn run(
    in_flight: &InFlight,
    terminal: &Terminal,
    work: impl Future<Output = Result<ExitCode>>,
) -> Result<ExitCode> {
    #[cfg(unix)]
    check_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot create a runtime")?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        tokio::pin!(work);
        let status = tokio::select! {
            outcome = &mut work => return outcome,
            status = signals.next() => status,
        };
        if !in_flight.is_idle() {
            terminal.show("Finishing the request in progress. Press Ctrl-C again to leave at once");
            tokio::select! {
                _ = &mut work => {}
                _ = timeout(PATIENCE, in_flight.idle()) => {}
                _ = signals.next() => {}
            }
        }
        terminal.countdown(None);
        Ok(ExitCode::from(status))
    });
    // Do not wait for other threads, because a keyring that does not answer would delay the exit.
    runtime.shutdown_background();
    outcome
}

/// The fewest files that the program must be able to open at once.
#[cfg(unix)]
const OPEN_FILES: u64 = 16;

/// Fails where too few files may be open, because Tokio would panic when it cannot make a pipe for
/// signals.
#[cfg(unix)]
fn check_open_files() -> Result<()> {
    use rustix::process::{Resource, getrlimit};

    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < OPEN_FILES => anyhow::bail!(
            "only {limit} files may be open at once, and at least {OPEN_FILES} are needed: ulimit -n {OPEN_FILES}"
        ),
        _ => Ok(()),
    }
}

/// The signals that end a program, each with the exit status that a shell gives it.
#[cfg(unix)]
struct Signals(Vec<(tokio::signal::unix::Signal, u8)>);

#[cfg(unix)]
impl Signals {
    /// Listens for the signals that were not ignored when the program started. `nohup` ignores the
    /// hangup, and a shell ignores the interrupt of its background jobs.
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut signals = Vec::new();
        for (kind, status) in [
            (SignalKind::interrupt(), 130),
            (SignalKind::terminate(), 143),
            (SignalKind::hangup(), 129),
        ] {
            if !is_ignored(kind) {
                signals.push((signal(kind)?, status));
            }
        }
        Ok(Self(signals))
    }

    async fn next(&mut self) -> u8 {
        std::future::poll_fn(|context| {
            for (signal, status) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*status);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Returns whether this signal was ignored when the program started. Only Linux says so without
/// unsafe code; elsewhere we listen for every signal.
#[cfg(unix)]
fn is_ignored(kind: tokio::signal::unix::SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "listening can fail on Unix")]
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}
