//! `localhost` is this machine, whatever a hosts file says. The hosts file itself is tested with
//! `rust-m2m`, because it is the system's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use authgate_core::{DiscoveryClient, HttpClient};
use authgate_dev_server::{DevServer, Endpoint};

async fn assert_reached_by_name(address: IpAddr) {
    let server = DevServer::builder().host(address).start().await.unwrap();
    // With a dot at its end, no hosts file has the name.
    for name in ["localhost", "LOCALHOST", "localhost.", "LocalHost."] {
        let url = format!("http://{name}:{}", server.address().port());
        server.forget_requests();
        server.set_discovery_member("issuer", url.as_str());
        let discovery = DiscoveryClient::new(&url, HttpClient::default()).unwrap();
        assert!(discovery.fetch().await.is_ok(), "{url}");
        server.assert_requests([Endpoint::Discovery]);
    }
}

#[tokio::test]
async fn localhost_is_reached_in_every_spelling() {
    assert_reached_by_name(Ipv4Addr::LOCALHOST.into()).await;
}

#[ignore = "needs IPv6: run with --include-ignored"]
#[tokio::test]
async fn localhost_is_reached_at_its_second_address() {
    assert_reached_by_name(Ipv6Addr::LOCALHOST.into()).await;
}
