//! Counts the allocations of `header()` with a token in memory, and prints the count.
//!
//! It is a separate program, so that the counting does not slow down the measured programs.

use std::alloc::System;
use std::hint::black_box;

use anyhow::Result;
use authgate_core::{Endpoints, HttpClient, OAuthClient, Secret, TokenSource};
use authgate_dev_server::DevServer;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: usize = 100_000;

fn main() -> Result<()> {
    // One thread, so that nothing else runs during the loop.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let allocations = runtime.block_on(async {
        let server = DevServer::start().await;
        let registered = server.confidential_client();
        let endpoints = Endpoints::from_token_url(format!("{}/oauth/token", server.url()).parse()?);
        let client = OAuthClient::new(&registered.id, endpoints, HttpClient::default())
            .with_secret(registered.secret.as_deref().map(Secret::from));
        let tokens = TokenSource::builder(client).build();
        tokens.header().await?;

        let region = Region::new(ALLOCATOR);
        for _ in 0..CALLS {
            black_box(tokens.header().await?);
        }
        let change = region.change();
        anyhow::Ok(change.allocations + change.reallocations)
    })?;
    println!("{allocations}");
    Ok(())
}
