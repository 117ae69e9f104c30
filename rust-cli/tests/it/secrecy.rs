use std::fs;
use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::{Ended, Home, Run};
use serde_json::json;

use crate::support::{self, PROGRAM};

const CLIENT_SECRET: &str = "canary-secret";

/// Prepares a run with its settings in a file, and with everything that a developer may turn on.
fn run(home: &Home) -> Run {
    Run::new(PROGRAM, home)
        .with("RUST_LOG", "trace")
        .with("RUST_BACKTRACE", "full")
        .args("--no-keyring --flow device")
}

/// Returns every secret that either side has sent.
fn secrets(server: &DevServer, home: &Home) -> Vec<String> {
    let names = ["client_secret", "device_code", "refresh_token", "token"];
    let requests = server.requests();
    let sent = requests
        .iter()
        .flat_map(|request| names.iter().filter_map(|name| request.parameter(name)));
    let bearer = requests
        .iter()
        .filter_map(|request| request.header("authorization")?.strip_prefix("Bearer "));
    let mut secrets: Vec<String> = sent.chain(bearer).map(str::to_owned).collect();
    if let Some(stored) = home.stored(server.confidential_client()) {
        secrets.extend([stored.access_token, stored.refresh_token]);
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

#[tokio::test]
async fn a_login_leaves_secrets_nowhere_but_in_the_store() {
    let server = DevServer::builder()
        .confidential_client("service", CLIENT_SECRET)
        .settings(|settings| {
            settings.device_code_interval = Duration::from_secs(1);
            settings.rotate_refresh_tokens = true;
        })
        .start()
        .await
        .unwrap();
    let (client, home) = (server.confidential_client(), Home::new());
    let settings = format!(
        "AUTHGATE_URL={}\nCLIENT_ID=service\nCLIENT_SECRET={CLIENT_SECRET}\n",
        server.url()
    );
    home.place(".env", settings);
    let mut shown = String::new();
    let mut note = |ended: Ended| {
        shown += &ended.stdout;
        shown += &ended.stderr;
        ended.status
    };

    // A login, a run with it, a refresh.
    let started = run(&home).start();
    started.says("only if").await;
    let files = ["cmdline", "environ", "comm"];
    let known = files
        .map(|name| fs::read(format!("/proc/{}/{name}", started.id())).unwrap())
        .concat();
    let known = String::from_utf8_lossy(&known);
    assert_eq!(note(started.approved_at(&server).await), Some(0));
    let mut secrets = secrets(&server, &home);
    assert_eq!(note(run(&home).arg("--json").end().await), Some(0));
    home.expire(client);
    assert_eq!(note(run(&home).end().await), Some(0));

    // Answers that echo their requests.
    let stored = home.stored(client).unwrap();
    let at_token = format!("{CLIENT_SECRET} {}", stored.refresh_token);
    for (endpoint, echo) in [
        (Endpoint::UserInfo, &stored.access_token),
        (Endpoint::TokenInfo, &stored.access_token),
        (Endpoint::Token, &at_token),
    ] {
        let refusal = Fault::json(
            400,
            &json!({"error": "invalid_request", "error_description": echo}),
        );
        server.inject(endpoint, refusal, Times::Once);
        server.inject(
            endpoint,
            Fault::body(500, "text/html", echo.clone()),
            Times::Once,
        );
        if endpoint == Endpoint::Token {
            home.expire(client);
        }
        assert_eq!(note(run(&home).end().await), Some(1));
        assert_eq!(note(run(&home).end().await), Some(1));
    }

    // A store that cannot be written, and a logout.
    home.expire(client);
    fs::create_dir(home.file(".lock")).unwrap();
    note(run(&home).approved_at(&server).await);
    fs::remove_dir(home.file(".lock")).unwrap();
    secrets.extend(self::secrets(&server, &home));
    assert_eq!(note(run(&home).arg("--logout").end().await), Some(0));

    secrets.extend(self::secrets(&server, &home));
    assert!(
        secrets.len() > 10 && secrets.contains(&CLIENT_SECRET.to_owned()),
        "{secrets:?}"
    );
    let left: Vec<_> = home
        .leftovers()
        .into_iter()
        .filter(|name| name != ".env")
        .collect();
    let left: String = left
        .iter()
        .map(|name| fs::read_to_string(home.path().join(name)).unwrap())
        .collect();
    for secret in secrets {
        for (place, text) in [
            ("output", shown.as_str()),
            ("process", &known),
            ("files", &left),
        ] {
            assert!(
                !text.contains(&secret),
                "{secret} is in the {place}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn a_crash_writes_no_memory_to_a_disk() {
    let (server, home) = (support::server().await, Home::new());
    let started = support::run(&home, &server).start();
    started.says("only if").await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", started.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"],
        "{core}"
    );
    started.kill().await;
}
