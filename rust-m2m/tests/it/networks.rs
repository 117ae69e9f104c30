use std::time::Duration;

use authgate_dev_server::DevServer;
use authgate_test_support::{ClosingServer, Home};

use crate::support::connect_proxy::ConnectProxy;
use crate::support::{run, service};

#[tokio::test]
async fn connections_that_the_server_closes_are_opened_again() {
    let (server, home) = (ClosingServer::start(1).await, Home::new());
    let ended = run(&home)
        .with("AUTHGATE_URL", &server.url())
        .with("CLIENT_ID", "service")
        .with("CLIENT_SECRET", "secret")
        .end()
        .await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, "Status: 200\nBody: {\"sub\":\"somebody\"}\n");
}

#[ignore = "takes 6 s: run with --include-ignored"]
#[tokio::test]
async fn a_proxy_that_takes_6_s_to_connect_is_waited_for() {
    let server = DevServer::builder()
        .https()
        .issuer_host("auth.example.test")
        .start()
        .await
        .unwrap();
    let proxy = ConnectProxy::slow_to(&server, Duration::from_secs(6)).await;
    let ended = service(&Home::new(), &server)
        .with("HTTPS_PROXY", &proxy.url())
        .end()
        .await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!((proxy.requests().len(), server.connections()), (1, 1));
}

/// curl and Python have limits of their own, which also leave time for the second name server.
#[cfg(target_os = "linux")]
#[ignore = "needs root, unshare, curl and Python: run with --include-ignored"]
#[tokio::test]
async fn as_root_a_second_name_server_is_waited_for_as_curl_and_python_do() {
    use authgate_dev_server::Endpoint;
    use authgate_test_support::{NameServers, NameTrouble, Port, Run, python};

    const PYTHON: &str = "
import sys
from authgate.discovery.client import DiscoveryClient
DiscoveryClient(sys.argv[1]).fetch()";
    let check = async |trouble| {
        let (names, port) = (NameServers::start(trouble).await, Port::free());
        let server = DevServer::builder()
            .port(port.number())
            .issuer_host(&format!("auth.example.test:{}", port.number()));
        let server = server.start().await.unwrap();
        let document = format!("{}/.well-known/openid-configuration", server.url());

        let homes = [Home::new(), Home::new(), Home::new()];
        let ours = service(&homes[0], &server).with("AUTHGATE_ALLOW_HTTP", "1");
        let curl = Run::new("curl", &homes[1]).args("-sS").arg(&document);
        let python = Run::new(python::interpreter(), &homes[2])
            .args("-c")
            .arg(PYTHON)
            .arg(server.url());
        for run in [ours, curl, python].map(|run| run.asking(&names).start()) {
            let ended = run.end().await;
            assert_eq!(ended.status, Some(0), "{trouble:?}: {ended:?}");
        }
        assert_eq!(server.count(Endpoint::Discovery), 3, "{trouble:?}");
    };
    tokio::join!(
        check(NameTrouble::FirstDead),
        check(NameTrouble::LosesOneAnswer)
    );
}
