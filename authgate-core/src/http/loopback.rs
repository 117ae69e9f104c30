//! Resolves `localhost` without asking the system.

use std::future::ready;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves every name to the loopback addresses, for the routes on which `localhost` is the only
/// name.
///
/// We allow plain http to `localhost` because nobody else can read it. A hosts file could give the
/// name another machine's address, and that machine would get the secret.
pub(super) struct LoopbackOnly;

impl Resolve for LoopbackOnly {
    fn resolve(&self, _: Name) -> Resolving {
        // The HTTP client replaces port 0 by the URL's.
        let addresses = [
            SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ];
        let addresses: Addrs = Box::new(addresses.into_iter());
        Box::pin(ready(Ok(addresses)))
    }
}
