//! Measures who waits for a token, who gets an error, and how often the server is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use authgate_core::TokenSource;
use authgate_core::test_util::{Clock, Moment, SystemClock};
use authgate_dev_server::{DevServer, DevServerBuilder, Endpoint, Fault, Times};
use tokio::runtime::Runtime;

use crate::callers::{Call, Outcome, Plan, PythonCallers, ours};
use crate::programs::Programs;
use crate::sample_server::SampleServer;
use crate::table::Row;

const SDK: &str = "Python SDK";

/// Many callers that call once each; none has a token yet.
const COLD: Plan = Plan {
    callers: 64,
    pause: Duration::ZERO,
    lasting: Duration::ZERO,
    expiry_delta: 30.0,
};

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let bench = Bench {
        programs,
        runtime: Runtime::new()?,
    };
    Ok(vec![
        bench.refresh()?,
        bench.outage_while_valid()?,
        bench.cold("64 cold callers, the server answers", None, "1 request", 1)?,
        bench.cold(
            "64 cold callers, `invalid_client`",
            Some(&Fault::oauth_error(401, "invalid_client")),
            "1 request, an error for each",
            1,
        )?,
        bench.cold(
            "64 cold callers, 503",
            Some(&Fault::status(503)),
            "3 requests (one flight, retried), an error for each",
            3,
        )?,
        bench.first_caller_cancelled()?,
        bench.short_lived()?,
    ])
}

struct Bench<'a> {
    programs: &'a Programs,
    runtime: Runtime,
}

impl Bench<'_> {
    /// Measures two refreshes that fall due while the endpoint takes 50 ms.
    fn refresh(&self) -> Result<Row> {
        let plan = Plan {
            callers: 16,
            pause: Duration::from_millis(2),
            lasting: Duration::from_secs(9),
            // A third of the token's lifetime, like ours.
            expiry_delta: 5.0 / 3.0,
        };
        let slow = || {
            let server = SampleServer::start(lifetime(5))?;
            server.inject(
                Endpoint::Token,
                Fault::Delay(Duration::from_millis(50)),
                Times::Always,
            );
            anyhow::Ok(server)
        };
        let outcome = |calls: &[Call], server: &SampleServer| {
            let waits = calls
                .iter()
                .filter(|call| call.wait() > Duration::from_millis(10))
                .count();
            (waits, errors(calls), server.count(Endpoint::Token) - 1)
        };
        let say = |(waits, errors, refreshes): (usize, usize, usize)| {
            format!("{waits} waited, {errors} errors, {refreshes} refreshes")
        };

        let server = slow()?;
        let theirs = outcome(
            &PythonCallers::ready(self.programs, &server, plan)?.run()?,
            &server,
        );
        let server = slow()?;
        let tokens = TokenSource::builder(server.client()?).build();
        self.runtime.block_on(tokens.header())?;
        let ours = outcome(&self.runtime.block_on(ours(plan, tokens)), &server);
        let what = "refresh is due, endpoint takes 50 ms: calls that wait over 10 ms";
        Ok(Row::count(
            what,
            SDK,
            say(theirs),
            say(ours),
            "0 waited, 0 errors, 2 refreshes or more",
            matches!(ours, (0, 0, 2..)),
        ))
    }

    /// Measures a refresh that is due while the token is still valid and the endpoint is down.
    fn outage_while_valid(&self) -> Result<Row> {
        // Python's margin is longer than the token's lifetime, so that a refresh is due at once.
        let plan = Plan {
            callers: 16,
            pause: Duration::from_millis(10),
            lasting: Duration::from_millis(4500),
            expiry_delta: 3600.0,
        };
        let go_down = |server: &SampleServer| {
            server.inject(Endpoint::Token, Fault::status(503), Times::Always);
        };
        let outcome = |calls: &[Call], server: &SampleServer| {
            (errors(calls), server.count(Endpoint::Token) - 1)
        };
        let say =
            |(errors, requests): (usize, usize)| format!("{errors} errors, {requests} requests");

        let server = SampleServer::start(DevServer::builder())?;
        let python = PythonCallers::ready(self.programs, &server, plan)?;
        go_down(&server);
        let theirs = outcome(&python.run()?, &server);

        // Our margin is never that long, so we move our clock to 5 s before the token expires.
        let server = SampleServer::start(DevServer::builder())?;
        let clock = Arc::new(MovableClock::default());
        let tokens = TokenSource::builder(server.client()?.with_clock(clock.clone())).build();
        self.runtime.block_on(tokens.header())?;
        clock.advance(Duration::from_secs(3594));
        go_down(&server);
        let ours = outcome(&self.runtime.block_on(ours(plan, tokens)), &server);

        let what = "endpoint down for 4.5 s while the token lives (SDK: `expiry_delta` an hour)";
        Ok(Row::count(
            what,
            SDK,
            say(theirs),
            say(ours),
            "0 errors, at most 3 requests",
            ours.0 == 0 && ours.1 <= 3,
        ))
    }

    /// Measures callers without a token. Each call must end as the server's answer says: with a
    /// token or an error.
    fn cold(&self, what: &str, fault: Option<&Fault>, goal: &str, requests: usize) -> Result<Row> {
        let start = || {
            let server = SampleServer::start(DevServer::builder())?;
            if let Some(fault) = fault {
                server.inject(Endpoint::Token, fault.clone(), Times::Always);
            }
            anyhow::Ok(server)
        };
        let server = start()?;
        PythonCallers::ready(self.programs, &server, COLD)?.run()?;
        let theirs = server.count(Endpoint::Token);
        let server = start()?;
        let tokens = TokenSource::builder(server.client()?).build();
        let calls = self.runtime.block_on(ours(COLD, tokens));
        let ours = server.count(Endpoint::Token);
        let as_answered = errors(&calls) == if fault.is_some() { COLD.callers } else { 0 };
        Ok(Row::count(
            what,
            SDK,
            say_requests(theirs),
            say_requests(ours),
            goal,
            as_answered && ours == requests,
        ))
    }

    /// Measures the others when the caller that began the request is cancelled. We cannot cancel a
    /// thread of the Python SDK.
    fn first_caller_cancelled(&self) -> Result<Row> {
        let server = SampleServer::start(DevServer::builder())?;
        server.inject(
            Endpoint::Token,
            Fault::Delay(Duration::from_millis(100)),
            Times::Always,
        );
        let tokens = TokenSource::builder(server.client()?).build();
        let calls = self.runtime.block_on(async {
            let first = tokio::spawn({
                let tokens = tokens.clone();
                async move { tokens.header().await }
            });
            while server.count(Endpoint::Token) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            first.abort();
            ours(COLD, tokens).await
        });
        let requests = server.count(Endpoint::Token);
        let what = "64 cold callers, the first one cancelled";
        Ok(Row::count(
            what,
            "",
            "",
            say_requests(requests),
            "1 request",
            errors(&calls) == 0 && requests == 1,
        ))
    }

    /// Measures a token whose lifetime is no longer than the usual margin.
    fn short_lived(&self) -> Result<Row> {
        let plan = Plan {
            callers: 1,
            pause: Duration::from_millis(1),
            lasting: Duration::from_secs(3),
            expiry_delta: 30.0,
        };
        let server = SampleServer::start(lifetime(30))?;
        PythonCallers::ready(self.programs, &server, plan)?.run()?;
        let theirs = server.count(Endpoint::Token);
        let server = SampleServer::start(lifetime(30))?;
        let tokens = TokenSource::builder(server.client()?).build();
        let calls = self.runtime.block_on(ours(plan, tokens));
        let ours = server.count(Endpoint::Token);
        let what = "tokens of 30 s, a call each ms for 3 s";
        let is_met = errors(&calls) == 0 && ours == 1;
        Ok(Row::count(
            what,
            SDK,
            say_requests(theirs),
            say_requests(ours),
            "1 request",
            is_met,
        ))
    }
}

/// Builds a server whose answers have this `expires_in`.
pub(crate) fn lifetime(expires_in: u64) -> DevServerBuilder {
    DevServer::builder()
        .settings(|settings| settings.access_token_lifetime = Duration::from_secs(expires_in + 1))
}

fn errors(calls: &[Call]) -> usize {
    calls
        .iter()
        .filter(|call| call.outcome != Outcome::Token)
        .count()
}

fn say_requests(requests: usize) -> String {
    if requests == 1 {
        "1 request".to_owned()
    } else {
        format!("{requests} requests")
    }
}

/// The machine's clock, which we can move forward.
#[derive(Debug, Default)]
struct MovableClock(AtomicU64);

impl MovableClock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Moment {
        let since_start = SystemClock.now().since(Moment::after_start(Duration::ZERO));
        Moment::after_start(since_start + Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }
}
