//! The way through a proxy, as the environment names it.

use crate::support::Run;
use crate::support::connect_proxy::ConnectProxy;
use authgate_dev_server::{DevServer, Endpoint};

/// A server whose name nobody can resolve.
async fn server() -> DevServer {
    DevServer::builder().https().issuer_host("auth.example.test").start().await.unwrap()
}

/// case 12
#[tokio::test]
async fn a_host_that_only_the_proxy_knows_is_reached_through_it() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let server = server().await;
        let proxy = ConnectProxy::to(&server).await;
        let ended = Run::of(&server).trusting(&[&server]).with(variable, &proxy.url()).end().await;
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{variable}");
        let requests = proxy.requests();
        assert!(requests[0].starts_with("CONNECT auth.example.test:443 HTTP/1.1\r\n"), "{requests:?}");
        assert_eq!((requests.len(), server.connections(), server.count(Endpoint::Any)), (1, 1, 3));
    }
}

/// case 12
#[tokio::test]
async fn a_proxy_without_a_scheme_is_one_that_speaks_http() {
    let server = server().await;
    let proxy = ConnectProxy::to(&server).await;
    let run = Run::of(&server).trusting(&[&server]).with("HTTPS_PROXY", &proxy.place());
    assert_eq!(run.end().await.status, Some(0));
}

/// case 12
#[tokio::test]
async fn the_proxys_credentials_go_to_the_proxy_and_to_nobody_else() {
    const CREDENTIALS: &str = "dXNlcjpjYW5hcnlA"; // user:canary@
    let server = server().await;
    let proxy = ConnectProxy::to(&server).await;
    let url = format!("http://user:canary%40@{}", proxy.place());
    let ended = Run::of(&server).trusting(&[&server]).with("HTTPS_PROXY", &url).end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let head = proxy.requests().concat().to_ascii_lowercase();
    assert!(head.contains(&format!("proxy-authorization: basic {}", CREDENTIALS.to_ascii_lowercase())), "{head}");
    for request in server.requests() {
        assert!(request.header("proxy-authorization").is_none());
        let text = format!("{:?}{:?}{}", request.headers, request.body, ended.stdout);
        assert!(!text.contains("canary") && !text.contains(CREDENTIALS), "{text}");
    }
}

/// case 12
#[tokio::test]
async fn a_host_in_no_proxy_is_asked_past_the_proxy() {
    let server = server().await;
    let proxy = ConnectProxy::to(&server).await;
    for no_proxy in ["auth.example.test", "example.test", ".example.test", "*"] {
        let run = Run::of(&server).trusting(&[&server]).with("HTTPS_PROXY", &proxy.url()).with("NO_PROXY", no_proxy);
        let ended = run.end().await;
        // Nobody else knows the name.
        ended.fails_with(1, &["cannot reach https://auth.example.test"]);
        assert!(!ended.stderr.contains("through the proxy"), "{ended:?}");
    }
    assert!(proxy.requests().is_empty());
}

/// cases 12, 35
#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_credentials() {
    for (status, reason) in [(403, "unsuccessful"), (407, "proxy authorization required"), (502, "unsuccessful")] {
        let server = server().await;
        let proxy = ConnectProxy::refusing_with(status).await;
        let url = format!("http://user:canary@{}", proxy.place());
        let ended = Run::of(&server).trusting(&[&server]).with("HTTPS_PROXY", &url).end().await;
        let through = format!("through the proxy http://{}", proxy.place());
        ended.fails_with(1, &["cannot reach https://auth.example.test", &through, "NO_PROXY", reason]);
        assert_eq!(server.connections(), 0);
    }
}

/// cases 12, 35
#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_without_its_credentials() {
    let server = server().await;
    let proxy = ConnectProxy::to(&server).await;
    let place = proxy.place();
    proxy.stop().await;
    let url = format!("http://user:canary@{place}");
    let ended = Run::of(&server).trusting(&[&server]).with("HTTPS_PROXY", &url).end().await;
    ended.fails_with(1, &[&format!("through the proxy http://{place}. Is the proxy running"), "onnection refused"]);
}

/// cases 12, 13
#[tokio::test]
async fn a_certificate_that_is_not_trusted_names_the_proxy_that_may_have_made_it() {
    let (server, other) = (server().await, server().await);
    let proxy = ConnectProxy::to(&server).await;
    let ended = Run::of(&server).trusting(&[&other]).with("HTTPS_PROXY", &proxy.url()).end().await;
    ended.fails_with(1, &["the certificate is not trusted", &proxy.url(), "SSL_CERT_FILE"]);
    assert_eq!(server.count(Endpoint::Any), 0);
}

/// case 12
#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_told_and_not_gone_past() {
    let unusable = [
        "no url",
        "socks5://127.0.0.1:1080",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "http://user:canary@canary@127.0.0.1:3128",
    ];
    for value in unusable {
        for variable in ["HTTPS_PROXY", "all_proxy"] {
            let server = server().await;
            let run = Run::of(&server).trusting(&[&server]).with(variable, value);
            run.end().await.fails_with(1, &[&format!("{variable} names no proxy that can be used"), "NO_PROXY"]);
        }
    }
}

/// case 12
#[tokio::test]
async fn a_proxy_that_cannot_be_used_matters_only_to_whoever_would_use_it() {
    const UNUSABLE: &str = "socks5://127.0.0.1:1080";
    let server = server().await;
    let proxy = ConnectProxy::to(&server).await;
    let run = || Run::of(&server).trusting(&[&server]);
    let ended = run().with("ALL_PROXY", UNUSABLE).with("HTTPS_PROXY", &proxy.url()).end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let ended = run().with("ALL_PROXY", UNUSABLE).with("NO_PROXY", "example.test").end().await;
    ended.fails_with(1, &["cannot reach https://auth.example.test"]);
}

/// case 12
#[tokio::test]
async fn loopback_is_never_asked_through_a_proxy() {
    for server in [DevServer::start().await, DevServer::builder().https().start().await.unwrap()] {
        let proxy = ConnectProxy::refusing_with(502).await;
        for proxy in [&proxy.url(), "socks5://127.0.0.1:1080"] {
            let run = Run::of(&server).trusting(&[&server]);
            let run = run.with("HTTP_PROXY", proxy).with("HTTPS_PROXY", proxy).with("ALL_PROXY", proxy);
            let ended = run.end().await;
            assert_eq!(ended.status, Some(0), "{ended:?}");
        }
        assert!(proxy.requests().is_empty());
    }
}
