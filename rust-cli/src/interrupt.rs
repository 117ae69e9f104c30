//! Ends the program early, but not in the middle of work that must not be interrupted.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::InFlight;
use tokio::time::timeout;

use crate::terminal::say;

/// How long we wait for work in progress after a signal.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `work` until it ends or a signal arrives.
///
/// The server may be issuing a token, and the login would be lost with it. After a signal, `work`
/// therefore continues while `in_flight` counts something, until a second signal.
pub(crate) fn run(
    in_flight: &InFlight,
    work: impl Future<Output = Result<ExitCode>>,
) -> Result<ExitCode> {
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
            say(format_args!(
                "Finishing the request in progress. Press Ctrl-C again to leave at once"
            ));
            tokio::select! {
                _ = &mut work => {}
                _ = timeout(PATIENCE, in_flight.idle()) => {}
                _ = signals.next() => {}
            }
        }
        Ok(ExitCode::from(status))
    });
    // Do not wait for other threads, because a keyring that does not answer would delay the exit.
    runtime.shutdown_background();
    outcome
}

/// The signals that end a program, each with the exit status that a shell gives it.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hangup.recv() => 129,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
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
