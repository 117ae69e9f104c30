use authgate_dev_server::Endpoint;
use authgate_test_support::{Home, Run};
use insta::assert_snapshot;

use crate::support::{PROGRAM, logged_in, run, run_without_flow, server};

#[tokio::test]
async fn variables_that_are_not_set_are_named_in_one_line() {
    let home = Home::new();
    let run = || Run::new(PROGRAM, &home);
    let said = run().end().await.failure(1);
    assert_snapshot!(said, @"error: not set: AUTHGATE_URL, CLIENT_ID. Export them, or write them into a file .env in the current directory (.env.example shows how)");
    assert_eq!(
        run()
            .with("AUTHGATE_URL", " ")
            .with("CLIENT_ID", "")
            .end()
            .await
            .failure(1),
        said
    );
    assert!(home.leftovers().is_empty());
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let (server, home) = (server().await, Home::new());
    let mut table = String::new();
    for wrong in [
        "--canary-flag",
        "--flow phone",
        "--json --print-access-token",
        "--logout --json",
        "--logout --print-access-token",
        "--redirect-uri http://127.0.0.1/callback",
        "--redirect-uri http://127.0.0.1:0/callback",
        "--redirect-uri https://127.0.0.1:8088/callback",
        "--redirect-uri http://example.com:8088/callback",
        "--redirect-uri http://127.0.0.1:8088/callback?a=b",
        "--redirect-uri http://127.0.0.1:8088/callback#a",
    ] {
        let ended = run_without_flow(&home, &server).args(wrong).end().await;
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (Some(2), ""),
            "{wrong}: {ended:?}"
        );
        table = table + ended.stderr.split("\n\n").next().unwrap() + "\n";
    }
    assert_snapshot!(table, @"
    error: unexpected argument '--canary-flag' found
    error: invalid value 'phone' for '--flow <auto|browser|device>': choose auto, browser or device
    error: the argument '--json' cannot be used with '--print-access-token'
    error: the argument '--logout' cannot be used with '--json'
    error: the argument '--logout' cannot be used with '--print-access-token'
    error: invalid value 'http://127.0.0.1/callback' for '--redirect-uri <URI>': the redirect URI has no port: write it as it is registered, such as http://127.0.0.1:8088/callback
    error: invalid value 'http://127.0.0.1:0/callback' for '--redirect-uri <URI>': the redirect URI has port 0: write it as it is registered, such as http://127.0.0.1:8088/callback
    error: invalid value 'https://127.0.0.1:8088/callback' for '--redirect-uri <URI>': the redirect URI is not http to this machine: write it as it is registered, such as http://127.0.0.1:8088/callback
    error: invalid value 'http://example.com:8088/callback' for '--redirect-uri <URI>': the redirect URI is not http to this machine: write it as it is registered, such as http://127.0.0.1:8088/callback
    error: invalid value 'http://127.0.0.1:8088/callback?a=b' for '--redirect-uri <URI>': the redirect URI is refused: it has a query (?...). Remove it
    error: invalid value 'http://127.0.0.1:8088/callback#a' for '--redirect-uri <URI>': the redirect URI is refused: it has a fragment (#...). Remove it
    ");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_variable_with_an_impossible_value_is_wrong_usage() {
    let server = server().await;
    let mut table = String::new();
    for (name, value) in [
        ("AUTHGATE_FLOW", "phone"),
        ("AUTHGATE_NO_KEYRING", "maybe"),
        ("AUTHGATE_REDIRECT_URI", "http://127.0.0.1/callback"),
    ] {
        let (home, home_with_file) = (Home::new(), Home::new());
        home_with_file.place(".env", format!("{name}={value}\n"));
        let from_environment = Run::new(PROGRAM, &home).as_person_at(&server);
        let from_file = Run::new(PROGRAM, &home_with_file).as_person_at(&server);
        let [ended, ended_from_file] = [
            from_environment.with(name, value).end().await,
            from_file.end().await,
        ];
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (Some(2), ""),
            "{name}: {ended:?}"
        );
        assert_eq!(ended_from_file.status, Some(2), "{name}");
        assert_eq!(ended_from_file.stderr, ended.stderr);
        table = table + ended.said().split("\n\n").next().unwrap() + "\n";
    }
    assert_snapshot!(table, @"
    error: invalid value for AUTHGATE_FLOW: choose auto, browser or device
    error: AUTHGATE_NO_KEYRING is neither 1 nor 0. Set it to 1 for yes, or to 0 for no
    error: invalid value for AUTHGATE_REDIRECT_URI: the redirect URI has no port: write it as it is registered, such as http://127.0.0.1:[port]/callback
    ");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn all_settings_can_come_from_the_env_file() {
    let (server, home) = (server().await, Home::new());
    let client = format!(
        "AUTHGATE_URL={}\nCLIENT_ID={}\n",
        server.url(),
        server.public_client().id
    );
    home.place(
        ".env",
        client + "AUTHGATE_FLOW=device\nAUTHGATE_NO_KEYRING=1\n",
    );
    let ended = Run::new(PROGRAM, &home).approved_at(&server).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ended.says(&["saved unencrypted in", "may still be in the keyring"]);
}

#[tokio::test]
async fn a_flag_wins_over_its_variable() {
    let (server, home) = (server().await, Home::new());
    let run = run(&home, &server)
        .with("AUTHGATE_FLOW", "browser")
        .with("AUTHGATE_REDIRECT_URI", "canary");
    let ended = run
        .args("--redirect-uri http://localhost:8888/callback")
        .approved_at(&server)
        .await;
    assert_eq!(
        (ended.status, server.count(Endpoint::DeviceAuthorization)),
        (Some(0), 1),
        "{ended:?}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_a_session_bus_the_file_is_used_and_named() {
    let (server, home) = (server().await, Home::new());
    let run = || Run::new(PROGRAM, &home).as_person_at(&server);
    let ended = run().args("--flow device").approved_at(&server).await;
    ended.shows_stored(&home, &server);
    assert_snapshot!(ended.notices(), @"
    [prompt]
    keyring: none is running in this session. The login is saved unencrypted in file [home]/.authgate-tokens.json.
    ");
    assert_eq!(run().end().await.status, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_home_folder_the_login_serves_this_run() {
    let (server, home) = (server().await, Home::new());
    let ended = run(&home, &server)
        .with("HOME", "nowhere")
        .approved_at(&server)
        .await;
    assert_eq!(
        (ended.status, ended.stdout.lines().count()),
        (Some(0), 16),
        "{ended:?}"
    );
    assert_snapshot!(ended.notices(), @"
    [prompt]
    The login cannot be saved, so it lasts for this run only (~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder).
    ");
}

#[tokio::test]
async fn plain_http_that_is_allowed_is_warned_of_in_each_run() {
    let (server, home) = logged_in(600).await;
    let ended = run(&home, &server)
        .with("AUTHGATE_ALLOW_HTTP", "1")
        .end()
        .await;
    assert_eq!(ended.status, Some(0));
    assert_snapshot!(ended.notices(), @"warning: AUTHGATE_ALLOW_HTTP=1 is set, so secrets and tokens may be sent unencrypted, and everyone on the way can use them");
}

#[tokio::test]
async fn a_client_secret_is_sent_with_each_post() {
    let (server, home) = (server().await, Home::new());
    let client = server.confidential_client();
    let run = || run(&home, &server).as_service_of(&server);
    run()
        .approved_at(&server)
        .await
        .shows(&home.stored(client).unwrap(), &server);
    home.expire(client);
    assert_eq!(run().end().await.status, Some(0));
    assert_eq!(run().arg("--logout").end().await.status, Some(0));

    let counts = [
        Endpoint::DeviceAuthorization,
        Endpoint::Token,
        Endpoint::Revocation,
    ]
    .map(|at| server.count(at));
    assert_eq!(counts, [1, 2, 2]);
    for request in server
        .requests()
        .iter()
        .filter(|request| request.method == "POST")
    {
        assert_eq!(
            request.parameter("client_secret"),
            client.secret.as_deref(),
            "{}",
            request.path
        );
    }
}

#[tokio::test]
async fn the_secret_is_sent_as_the_variable_says() {
    let (server, home) = (server().await, Home::new());
    let ended = run(&home, &server)
        .as_service_of(&server)
        .with("AUTHGATE_CLIENT_AUTHENTICATION", "basic")
        .approved_at(&server)
        .await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for request in server
        .requests()
        .iter()
        .filter(|request| request.method == "POST" && request.path.starts_with("/oauth"))
    {
        let basic = request.header("authorization").unwrap();
        assert!(basic.starts_with("Basic "), "{}", request.path);
        assert_eq!(request.parameter("client_secret"), None);
    }
}

#[tokio::test]
async fn a_wrong_secret_is_an_error_that_names_its_variable() {
    let (server, home) = (server().await, Home::new());
    let run = run(&home, &server)
        .as_service_of(&server)
        .with("CLIENT_SECRET", "canary");
    assert_snapshot!(run.end().await.failure(1), @"error: device authorization: http://127.0.0.1:[port]/oauth/device/code answered 401 invalid_client (Client authentication failed). A client with a secret must be registered as confidential, and a new client may have to be approved. Check the client ID and the secret. They come from CLIENT_ID and CLIENT_SECRET; in .env, put a secret with $, # or spaces in single quotes");
}
