//! Measures the cost of a token in memory, next to the lowest possible cost and next to a peer.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use authgate_core::TokenSource;
use authgate_core::test_util::{Clock, SystemClock};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use google_cloud_auth::credentials::{Credentials, user_account};
use http::Extensions;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::programs::Programs;
use crate::rounds::{Contender, interleave};
use crate::sample_server::SampleServer;
use crate::table::{Goal, Row, time};

const ROUNDS: usize = 20;
/// So many calls that the system has long given two threads a core each.
const CALLS: u32 = 500_000;

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let server = SampleServer::start(DevServer::builder())?;
    let runtime = Runtime::new()?;
    let tokens = TokenSource::builder(server.client()?).build();
    let header = runtime.block_on(tokens.header())?;
    let (_google, peer) = google_cloud_auth(&runtime)?;

    let [floor, theirs, ours, by_two] = interleave(
        ROUNDS,
        [
            Contender::new(1, || {
                Ok(calls(&runtime, async || {
                    _ = black_box((SystemClock.now(), header.clone()));
                }))
            }),
            Contender::new(1, || {
                Ok(calls(&runtime, async || {
                    _ = black_box(peer.headers(Extensions::new()).await);
                }))
            }),
            Contender::new(1, || {
                Ok(calls(&runtime, async || {
                    _ = black_box(tokens.header().await);
                }))
            }),
            Contender::new(1, || Ok(two_threads(&runtime, &tokens))),
        ],
    )?;
    let each = |seconds: f64| time(seconds / f64::from(CALLS));
    let what = "`header()` on a token in memory";
    let cost = each(ours.median());
    let allocations = allocations(programs)?;
    // Two threads make twice the calls, so their throughput is 2 / time.
    let throughput = by_two
        .map(|seconds| 2.0 / seconds)
        .over(&ours.map(f64::recip));
    Ok(vec![
        Row::count(
            what,
            "",
            "",
            format!("{allocations} allocations"),
            "0 allocations",
            allocations == 0,
        ),
        Row::ratio(
            what,
            "a clock read and a clone",
            each(floor.median()),
            cost.clone(),
            &ours.over(&floor),
            Goal::AtMost(2.0),
        ),
        Row::ratio(
            what,
            "google-cloud-auth",
            each(theirs.median()),
            cost.clone(),
            &ours.over(&theirs),
            Goal::AtMost(0.35),
        ),
        Row::ratio(
            "`header()` by 2 threads, throughput",
            "1 thread",
            cost,
            each(by_two.median() / 2.0),
            &throughput,
            Goal::AtLeast(1.2),
        ),
    ])
}

/// Returns the peer with a token in memory, and the server that issued the token. Of the peer's
/// credentials, only `authorized_user` asks a server that we can choose, and does so over plain
/// http too.
fn google_cloud_auth(runtime: &Runtime) -> Result<(SampleServer, Credentials)> {
    // The program must choose the cryptography provider, although nothing here is encrypted.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let server = SampleServer::start(DevServer::builder())?;
    let answer =
        json!({ "access_token": "a".repeat(400), "expires_in": 3600, "token_type": "Bearer" });
    server.inject(Endpoint::Token, Fault::json(200, &answer), Times::Always);
    let user = json!({
        "type": "authorized_user",
        "client_id": "side-by-side",
        "client_secret": "side-by-side",
        "refresh_token": "side-by-side",
        "token_uri": format!("{}/oauth/token", server.url()),
    });
    let _inside = runtime.enter();
    let credentials = user_account::Builder::new(user).build()?;
    runtime.block_on(credentials.headers(Extensions::new()))?;
    Ok((server, credentials))
}

/// Returns the seconds that [`CALLS`] calls take, one after the other.
fn calls(runtime: &Runtime, call: impl AsyncFn()) -> f64 {
    let begun = Instant::now();
    runtime.block_on(async {
        for _ in 0..CALLS {
            call().await;
        }
    });
    begun.elapsed().as_secs_f64()
}

/// Returns the seconds that two threads take for [`CALLS`] calls each.
fn two_threads(runtime: &Runtime, tokens: &TokenSource) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| calls(runtime, async || _ = black_box(tokens.header().await)));
        }
    });
    begun.elapsed().as_secs_f64()
}

fn allocations(programs: &Programs) -> Result<u64> {
    let output = Command::new(programs.built("allocations"))
        .output()
        .context("allocations cannot be run")?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
