use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::{Home, Run};
use insta::assert_snapshot;

/// Prepares a run of an example with no settings. `cargo test` builds the examples beside the
/// tests, unless its arguments name the targets.
fn run(example: &str, home: &Home) -> Run {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.ancestors().nth(2).unwrap().join("examples");
    let program = folder
        .join(example)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "{} is not built: run cargo build --examples",
        program.display()
    );
    Run::new(program, home)
}

/// Prepares a run of an example with the settings of this server's service only.
fn service(example: &str, home: &Home, server: &DevServer) -> Run {
    run(example, home)
        .with("CLIENT_ID", "service")
        .with("CLIENT_SECRET", "pass word")
        .with("TOKEN_URL", &format!("{}/oauth/token", server.url()))
        .with("PROTECTED_API_URL", &format!("{}/api/data", server.url()))
}

async fn server() -> DevServer {
    DevServer::builder()
        .confidential_client("service", "pass word")
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn client_credentials_prints_the_tutorials_lines() {
    let (server, home) = (server().await, Home::new());
    let ended = service("client_credentials", &home, &server).end().await;
    assert_eq!(ended.status, Some(0));
    assert_snapshot!(ended.printed(), @r#"
    Requesting token from: http://127.0.0.1:[port]/oauth/token
    Successfully obtained access token.
    Token Type: Bearer, Expires In: [seconds] seconds
    Access Token: [token]...
    Calling protected API: http://127.0.0.1:[port]/api/data
    Protected API response:
    {"method":"GET","path":"/api/data","body":""}
    "#);
    assert!(ended.stdout.contains("Expires In: 3"), "{}", ended.stdout);
    server.assert_requests([Endpoint::Token, Endpoint::Api]);
}

#[tokio::test]
async fn client_credentials_tells_the_kinds_of_failure_apart() {
    let (server, home) = (server().await, Home::new());
    let run = || service("client_credentials", &home, &server);
    let failure = async |run: Run, last_step: &str| {
        let ended = run.end().await;
        assert_eq!(ended.status, Some(1), "{ended:?}");
        ended.printed().split_once(last_step).unwrap().1.to_owned()
    };

    assert_snapshot!(failure(run().with("CLIENT_SECRET", "canary"), "/oauth/token\n").await, @"
    HTTP Error: client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (Client authentication failed). A new client may have to be approved. Check the client ID and, for a confidential client, the secret
    Response: invalid_client: Client authentication failed
    Failed to obtain OAuth token.
    ");

    server.inject(
        Endpoint::Token,
        Fault::set_member("access_token", ""),
        Times::Once,
    );
    assert_snapshot!(failure(run(), "/oauth/token\n").await, @"
    Data Error: client credentials grant: http://127.0.0.1:[port]/oauth/token: the answer has no access_token
    Failed to obtain OAuth token.
    ");

    let page = format!("\u{1b}[2J{}", "x".repeat(5000));
    server.inject(
        Endpoint::Api,
        Fault::body(500, "text/html", page),
        Times::Once,
    );
    assert_snapshot!(failure(run(), "/api/data\n").await, @r"
    HTTP Error calling protected API: 500 Internal Server Error
    Response: \u{1b}[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    ");

    let run = run();
    server.stop().await;
    // The system's message is in brackets.
    let printed = failure(run, "/oauth/token\n").await;
    let (before, rest) = printed.split_once(" (").unwrap();
    let (_, after) = rest.rsplit_once("). ").unwrap();
    assert_snapshot!(format!("{before} ([cause]). {after}"), @"
    Request Error: client credentials grant: cannot reach http://127.0.0.1:[port]/oauth/token ([cause]). Check that the server is running at this address
    Failed to obtain OAuth token.
    ");
}

#[tokio::test]
async fn client_credentials_names_what_is_not_set() {
    let ended = run("client_credentials", &Home::new()).end().await;
    ended.fails_with(1, &[]);
    assert_snapshot!(ended.said(), @"error: not set: CLIENT_ID, CLIENT_SECRET, TOKEN_URL, PROTECTED_API_URL. Export them, or write them into a file .env in the current directory (.env.example shows how)");
}

#[tokio::test]
async fn token_provider_fetches_once_and_shows_the_pitfalls() {
    let (server, home) = (server().await, Home::new());
    let ended = service("token_provider", &home, &server)
        .with("SCOPE", "read")
        .end()
        .await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(ended.printed(), @r#"
    Access token: [token]...
    Current token: [token]...
    Current token: [token]... (from memory)
    {"method":"GET","path":"/api/data","body":""}
    Missing client secret: client credentials need a client secret
    Incorrect scope: client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 invalid_scope (Requested scope exceeds client permissions or contains restricted scopes (openid, offline_access are not permitted); asked for no-such-scope). Request only scopes that the server knows and grants to this client
    Clock skew: server [time], here [time]: [seconds] s apart
    Rate limiting: 3 tries, at least 5 s apart
    "#);
    // One token without a provider, one for the provider, one with a wrong scope.
    server.assert_requests([
        Endpoint::Token,
        Endpoint::Token,
        Endpoint::Api,
        Endpoint::Token,
    ]);
    assert_eq!(server.requests()[0].parameter("scope"), Some("read"));
    assert_eq!(
        server.requests()[2].header("accept"),
        Some("application/json")
    );
}

#[tokio::test]
async fn neither_passes_off_a_part_of_an_answer_as_the_answer() {
    let (server, home) = (server().await, Home::new());
    for example in ["client_credentials", "token_provider"] {
        server.inject(Endpoint::Api, Fault::Truncated, Times::Once);
        let ended = service(example, &home, &server).end().await;
        assert_eq!(ended.status, Some(1), "{example}");
        assert!(
            format!("{ended:?}").contains("lost the connection"),
            "{ended:?}"
        );

        server.inject(
            Endpoint::Api,
            Fault::Oversized(1024 * 1024 + 1),
            Times::Once,
        );
        let ended = service(example, &home, &server).end().await;
        assert_eq!(ended.status, Some(0), "{example}");
        assert!(
            ended
                .stdout
                .contains("\n(response body truncated to 1 MB)\n"),
            "{example}"
        );
    }
}

#[tokio::test]
async fn post_json_sends_a_user_to_the_api() {
    let (server, home) = (server().await, Home::new());
    let ended = service("post_json", &home, &server).end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(ended.stdout, @r#"{"method":"POST","path":"/api/data","body":"{\"name\":\"Ada Lovelace\",\"email\":\"ada@example.com\"}"}"#);
    server.assert_requests([Endpoint::Token, Endpoint::Api]);
    assert_eq!(
        server.requests()[1].header("content-type"),
        Some("application/json")
    );
}

#[tokio::test]
async fn post_json_fails_with_the_answer_of_an_api_that_refuses() {
    let (server, home) = (server().await, Home::new());
    server.inject(
        Endpoint::Api,
        Fault::body(422, "text/plain", "this name is taken"),
        Times::Once,
    );
    let ended = service("post_json", &home, &server).end().await;
    ended.fails_with(1, &[]);
    assert_snapshot!(ended.said(), @"error: the API answered 422 Unprocessable Entity: this name is taken");
}

#[tokio::test]
async fn tower_service_sends_a_refused_request_once_more_with_a_new_token() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Api, Fault::status(401), Times::Once);
    let ended = service("tower_service", &home, &server).end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(ended.stdout, @r#"200 OK: {"method":"GET","path":"/api/data","body":""}"#);
    server.assert_requests([
        Endpoint::Token,
        Endpoint::Api,
        Endpoint::Token,
        Endpoint::Api,
    ]);
    let sent = |request: usize| {
        server.requests()[request]
            .header("authorization")
            .map(str::to_owned)
    };
    assert_ne!(sent(1), sent(3));

    server.inject(Endpoint::Api, Fault::status(401), Times::Always);
    let ended = service("tower_service", &home, &server).end().await;
    assert_snapshot!(ended.stdout, @"401 Unauthorized:");
}

#[cfg(feature = "login")]
#[tokio::test]
async fn call_api_as_person_goes_on_with_a_new_token_when_the_api_refuses_the_stored_one() {
    let (server, home) = (DevServer::start().await, Home::new());
    let client = server.public_client();
    let stored = home.log_in(&server, 3600);
    server.inject(Endpoint::Api, Fault::status(401), Times::Once);
    let ended = run("call_api_as_person", &home)
        .as_person_at(&server)
        .with("API_URL", &format!("{}/api/data", server.url()))
        .end()
        .await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_snapshot!(ended.printed(), @r#"
    Logged in as Jane Doe
    Call 1: 200 OK {"method":"GET","path":"/api/data","body":""}
    Call 2: 200 OK {"method":"GET","path":"/api/data","body":""}
    Call 3: 200 OK {"method":"GET","path":"/api/data","body":""}
    "#);
    let refreshed = home.stored(client).unwrap();
    assert_ne!(refreshed.access_token, stored.access_token);
    server.assert_requests([
        Endpoint::Discovery,
        Endpoint::UserInfo,
        Endpoint::Api,
        Endpoint::Token,
        Endpoint::Api,
        Endpoint::Api,
        Endpoint::Api,
    ]);
}

#[tokio::test]
async fn an_example_tells_that_the_file_decides_where_an_exported_secret_goes() {
    for example in [
        "client_credentials",
        "token_provider",
        "post_json",
        "tower_service",
    ] {
        let (server, home) = (server().await, Home::new());
        home.place(".env", format!("TOKEN_URL={}/oauth/token\n", server.url()));
        let ended = service(example, &home, &server)
            .without("TOKEN_URL")
            .end()
            .await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        insta::allow_duplicates!(
            assert_snapshot!(ended.said(), @"warning: CLIENT_SECRET comes from the environment, but .env decides where the secret and its tokens are sent: it sets TOKEN_URL")
        );
    }
}

/// Each example waits for a connection twice, and the system's question for the name takes longer.
#[cfg(target_os = "linux")]
#[ignore = "needs root and unshare, and takes 30 s: run with --include-ignored"]
#[tokio::test]
async fn as_root_an_example_ends_without_waiting_for_dead_name_servers() {
    use std::time::Duration;

    use authgate_test_support::{LIMIT, NameServers, NameTrouble};
    use tokio::time::{sleep, timeout};

    let (server, names) = (
        server().await,
        NameServers::start(NameTrouble::BothDead).await,
    );
    let ends = async |example| {
        let home = Home::new();
        let run = service(example, &home, &server)
            .with("TOKEN_URL", "https://auth.example.test/oauth/token")
            .asking(&names)
            .start();
        let failure = async {
            while !(run.printed() + &run.said()).contains("timed out while connecting") {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LIMIT * 2, failure).await.expect(example);
        let ended = timeout(Duration::from_secs(3), run.end()).await;
        assert_eq!(ended.expect(example).status, Some(1));
    };
    tokio::join!(
        ends("client_credentials"),
        ends("token_provider"),
        ends("post_json")
    );
}
