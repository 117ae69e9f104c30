use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::Home;

use crate::support::service;

/// Runs what follows with `[home]/hosts` in place of the system's file.
const WITH_OTHER_HOSTS: [&str; 5] = [
    "--map-root-user",
    "--mount",
    "/bin/sh",
    "-c",
    r#"mount --bind "$HOME/hosts" /etc/hosts && exec "$0" "$@""#,
];

#[ignore = "needs unshare and user namespaces: run with --include-ignored"]
#[tokio::test]
async fn a_hosts_file_cannot_move_localhost_to_another_machine() {
    let (server, home) = (DevServer::start().await, Home::new());
    let url = server.url().replace("127.0.0.1", "localhost");
    server.set_discovery_member("issuer", url.as_str());
    // An address for documentation (RFC 5737): no machine has it.
    home.place("hosts", "192.0.2.1 localhost\n");
    let ended = service(&home, &server)
        .with("AUTHGATE_URL", &url)
        .under("unshare", &WITH_OTHER_HOSTS)
        .end()
        .await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    server.assert_requests([Endpoint::Discovery, Endpoint::Token, Endpoint::UserInfo]);
}
