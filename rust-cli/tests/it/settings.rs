use authgate_dev_server::Endpoint;
use authgate_test_support::{Home, Run, python};
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
    No keyring is running in this session. The login is saved unencrypted in file [home]/.authgate-tokens.json.
    ");
    assert_eq!(run().end().await.status, Some(0));
}

#[tokio::test]
async fn another_server_is_trusted_by_a_flag_or_an_exported_variable_only() {
    const VARIABLE: &str = "AUTHGATE_TRUSTED_ORIGINS";

    let (server, other) = (server().await, server().await);
    let endpoint = format!("{}/oauth/userinfo", other.url());
    server.set_discovery_member("userinfo_endpoint", endpoint);
    let trust_by: [&dyn Fn(Run) -> Run; 2] =
        [&|run| run.arg("--trust-origin").arg(other.url()), &|run| {
            run.with(VARIABLE, other.url())
        }];
    for trust in trust_by {
        let home = Home::new();
        let run = trust(run(&home, &server));
        // The other server does not know the token, but it is asked.
        run.approved_at(&server).await;
    }
    assert_eq!(other.count(Endpoint::UserInfo), 2);

    let home = Home::new();
    let run = || run(&home, &server);
    let untrusted = run().end().await.failure(1);
    let unreadable = run().with(VARIABLE, "example").end().await.failure(2);
    home.place(".env", format!("{VARIABLE}={}\n", other.url()));
    let in_file = run().end().await.failure(2);
    let said = [untrusted, unreadable, in_file].map(|said| said.lines().next().unwrap().to_owned());
    assert_snapshot!(said.join("\n"), @"
    error: discovery: the userinfo endpoint of http://127.0.0.1:[port] is at http://127.0.0.1:[port], another server. Unless you know that it belongs to this server, do not log in. To trust it: rust-cli --trust-origin http://127.0.0.1:[port]
    error: invalid value for AUTHGATE_TRUSTED_ORIGINS: the origin is refused: it is not a URL (relative URL without a base). Write the whole URL, with its https:// or http://
    error: AUTHGATE_TRUSTED_ORIGINS is in the file .env, where it is not allowed. Export it instead
    ");
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
    The login cannot be saved, so it lasts for this run only (~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder).
    [prompt]
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
    assert_snapshot!(run.end().await.failure(1), @"error: device authorization: http://127.0.0.1:[port]/oauth/device/code answered 401 invalid_client (Client authentication failed). A new client may have to be approved. Check the client ID and, for a confidential client, the secret. They come from CLIENT_ID and CLIENT_SECRET; in .env, put a secret with $, # or spaces in single quotes");
}

#[tokio::test]
async fn the_scopes_come_from_the_flag_the_variable_or_the_default() {
    let (server, home) = (server().await, Home::new());
    let requested = |run: Run| async {
        server.forget_requests();
        let ended = run.approved_at(&server).await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let asked = server.requests_at(Endpoint::DeviceAuthorization);
        let scope = asked[0].parameter("scope").map(str::to_owned);
        (scope, ended.notices())
    };
    let by_flag = run(&home, &server).with("SCOPE", "email");
    let (scope, _) = requested(by_flag.arg("--scope").arg(" profile ")).await;
    assert_eq!(scope.as_deref(), Some("profile"));

    // The same scope needs no login, another one does.
    server.forget_requests();
    let ended = run(&home, &server).with("SCOPE", "profile").end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);
    home.place(".env", "SCOPE='read profile'\n");
    let (scope, said) = requested(run(&home, &server)).await;
    assert_eq!(scope.as_deref(), Some("read profile"));
    assert_snapshot!(said, @"
    The stored login was made without the scope read. Please log in again.
    [prompt]
    ");
    home.place(".env", "");
    let (scope, said) = requested(run(&home, &server)).await;
    assert_eq!(scope.as_deref(), Some("profile email"));
    assert_snapshot!(said, @"
    The stored login was made without the scope email. Please log in again.
    [prompt]
    ");
}

#[tokio::test]
async fn the_scopes_that_another_clients_token_lacks_are_named() {
    for flag in ["--json", "--print-access-token"] {
        let (server, home) = logged_in(600).await;
        let run = run(&home, &server).args("--scope").arg("profile read");
        let ended = run.arg(flag).end().await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(ended.stderr, "The server did not grant: read.\n");
        assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);
    }
}

#[tokio::test]
#[ignore = "needs Python with go-authgate: run with --include-ignored"]
async fn a_login_of_the_python_sdk_is_used_and_what_it_lacks_is_named() {
    let (server, home) = (server().await, Home::new());
    let client = server.public_client();
    let tokens = server.issue_tokens(client, "profile");
    let refresh_token = tokens.refresh_token.unwrap();
    let script = "file, client, access, refresh = sys.argv[1:]
token_file_store(file).save(client, StoredToken(access, refresh, 'Bearer', 4000000000.0, client))";
    let file = home.file("");
    let file = file.to_str().unwrap();
    python::run(
        script,
        &[file, &client.id, &tokens.access_token, &refresh_token],
    );

    let ended = run(&home, &server).end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_snapshot!(ended.said(), @"The server did not grant: email.");
    assert_eq!(ended.value("TokenInfo Scope"), "profile");
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);
}

#[tokio::test]
async fn extra_parameters_are_sent_with_the_login_and_its_refreshes() {
    let (server, home) = (server().await, Home::new());
    let run_for_api = || {
        run(&home, &server)
            .args("--parameter audience=https://api.example.com --parameter resource=urn:a")
            .args("--parameter resource=urn:b --parameter")
            .arg(r#"extra_claims={"team": "a=b"}"#)
    };
    assert_eq!(run_for_api().approved_at(&server).await.status, Some(0));
    let refreshed = run_for_api().args("--min-validity 99999").end().await;
    assert_eq!((refreshed.status, refreshed.stderr.as_str()), (Some(0), ""));

    let posts = server.requests();
    let posts = posts.iter().filter(|request| request.method == "POST");
    let mut grants = Vec::new();
    for request in posts {
        let is_added = |name: &str| ["audience", "resource", "extra_claims"].contains(&name);
        let added: Vec<_> = request
            .form
            .iter()
            .filter(|(name, _)| is_added(name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            added,
            [
                "audience=https://api.example.com",
                "resource=urn:a",
                "resource=urn:b",
                r#"extra_claims={"team": "a=b"}"#
            ]
        );
        grants.push(request.parameter("grant_type").unwrap_or("").to_owned());
    }
    assert_eq!(grants.first().map(String::as_str), Some(""));
    assert_eq!(grants.last().map(String::as_str), Some("refresh_token"));

    // A login for another API is not used.
    let other = run(&home, &server).args("--parameter audience=other");
    let other = other.approved_at(&server).await;
    assert_snapshot!(other.notices(), @"
    The stored login was made without this audience. Please log in again.
    [prompt]
    ");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_added_is_wrong_usage() {
    let (server, home) = (server().await, Home::new());
    let mut table = String::new();
    for parameter in ["audience", "=a", "client_id=canary", "scope=canary"] {
        let run = run(&home, &server).arg("--parameter").arg(parameter);
        let ended = run.end().await;
        assert_eq!(ended.status, Some(2), "{ended:?}");
        table = table + ended.said().split("\n\n").next().unwrap() + "\n";
    }
    assert_snapshot!(table, @"
    error: invalid value 'audience' for '--parameter <NAME=VALUE>': the parameter audience has no value. Write it as NAME=VALUE
    error: invalid value '=a' for '--parameter <NAME=VALUE>': a parameter has no name
    error: invalid value 'client_id=canary' for '--parameter <NAME=VALUE>': the parameter client_id is set by the request itself, so it cannot be added
    error: invalid value 'scope=canary' for '--parameter <NAME=VALUE>': the parameter scope is set by the request itself, so it cannot be added
    ");
    assert_eq!(server.requests().len(), 0);
}
