//! Measures the cost of a token in memory, next to the lowest possible cost.
//!
//! ```console
//! $ cargo bench -p authgate-core --bench token_source
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use std::hint::black_box;

use authgate_core::test_util::{Clock, SystemClock};
use authgate_core::{Endpoints, HttpClient, OAuthClient, Secret, TokenSource};
use authgate_dev_server::DevServer;
use divan::Bencher;
use reqwest::header::HeaderValue;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// A source with a token in memory; it keeps its runtime and server alive.
struct Warm {
    runtime: Runtime,
    tokens: TokenSource,
    header: HeaderValue,
    _server: DevServer,
}

impl Warm {
    fn up() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (server, tokens, header) = runtime.block_on(async {
            let server = DevServer::start().await;
            let endpoints =
                Endpoints::from_token_url(format!("{}/oauth/token", server.url()).parse().unwrap());
            let registered = server.confidential_client();
            let client = OAuthClient::new(&registered.id, endpoints, HttpClient::default())
                .with_secret(registered.secret.as_deref().map(Secret::from));
            let tokens = TokenSource::builder(client).build();
            let header = tokens.header().await.unwrap();
            (server, tokens, header)
        });
        Self {
            runtime,
            tokens,
            header,
            _server: server,
        }
    }
}

/// The lowest possible cost: one clock read and one clone of a header.
#[divan::bench]
fn clock_read_and_header_clone(bencher: Bencher<'_, '_>) {
    let warm = Warm::up();
    bencher.bench(|| {
        (
            black_box(SystemClock.now()),
            black_box(&warm.header).clone(),
        )
    });
}

#[divan::bench]
fn header_in_memory(bencher: Bencher<'_, '_>) {
    let warm = Warm::up();
    let _inside = warm.runtime.enter();
    bencher.bench(|| poll_once(warm.tokens.header()));
}

#[divan::bench(threads = [1, 2])]
fn header_in_memory_by_threads(bencher: Bencher<'_, '_>) {
    let warm = Warm::up();
    bencher.bench(|| poll_once(warm.tokens.header()));
}

/// Polls a future once. A token in memory needs no waiting, so the future is ready at the first
/// poll.
fn poll_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("the token is in memory"),
    }
}
