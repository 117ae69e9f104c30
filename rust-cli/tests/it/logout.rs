use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::{Ended, Home};
use insta::assert_snapshot;

use crate::support::{logged_in, run, server};

async fn log_out(home: &Home, server: &DevServer) -> Ended {
    run(home, server).arg("--logout").end().await
}

/// Checks that a logout failed, and returns its output.
#[track_caller]
fn failure(ended: &Ended) -> String {
    assert_eq!(ended.status, Some(1), "{ended:?}");
    ended.printed() + &ended.notices()
}

#[tokio::test]
async fn both_tokens_are_revoked_and_deleted() {
    for expires_in in [600, -60] {
        let (server, home) = (server().await, Home::new());
        let tokens = home.log_in(&server, expires_in);
        let ended = log_out(&home, &server).await;
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (Some(0), "Logged out.\n"),
            "{ended:?}"
        );
        assert_eq!(home.stored(server.public_client()), None);

        let revocations = server.requests_at(Endpoint::Revocation);
        let revoked: Vec<_> = revocations
            .iter()
            .filter_map(|request| request.parameter("token"))
            .collect();
        assert_eq!(
            revoked,
            [
                tokens.refresh_token.as_deref().unwrap(),
                &tokens.access_token
            ]
        );
        assert_eq!(server.count(Endpoint::Token), 0);
        assert!(home.is_unlocked() && home.leftovers().is_empty());

        let again = log_out(&home, &server).await;
        assert_eq!(
            (again.status, again.stdout.as_str()),
            (Some(0), "No login was found in the file.\n"),
            "{again:?}"
        );
        assert_eq!(server.count(Endpoint::Revocation), 2);
    }
}

#[tokio::test]
async fn tokens_whose_revocation_fails_are_deleted_with_a_warning() {
    let mut said = Vec::new();
    for times in [Times::Once, Times::Always] {
        let (server, home) = logged_in(600).await;
        server.inject(Endpoint::Revocation, Fault::status(500), times);
        said.push(failure(&log_out(&home, &server).await));
        assert_eq!(
            (
                server.count(Endpoint::Revocation),
                home.stored(server.public_client())
            ),
            (2, None)
        );
    }
    assert_snapshot!(said.join("\n"), @"
    Logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: the refresh token was not revoked, and the server may accept it until it expires: revocation: http://127.0.0.1:[port]/oauth/revoke answered 500, which is not a JSON object (no content type; an empty body)

    Logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: the refresh and access tokens were not revoked, and the server may accept them until they expire: revocation: http://127.0.0.1:[port]/oauth/revoke answered 500, which is not a JSON object (no content type; an empty body)
    ");
}

#[tokio::test]
async fn what_another_clients_logout_leaves_of_our_record_is_deleted() {
    let (server, home) = (server().await, Home::new());
    run(&home, &server).approved_at(&server).await;
    // bash-cli deletes its entry, and keeps what it does not know.
    let mut document = home.document().unwrap();
    let id = &server.public_client().id;
    assert!(document["authgate-rust"][id].is_object());
    document["data"].as_object_mut().unwrap().remove(id);
    home.replace(&document.to_string());
    let ended = log_out(&home, &server).await;
    assert_eq!(
        (
            ended.status,
            home.document().unwrap()["authgate-rust"].as_object()
        ),
        (Some(0), None)
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn no_record_stays_in_the_keyring() {
    use authgate_test_support::session::Session;

    use crate::support::PROGRAM;

    let (server, session) = (server().await, Session::unlocked());
    let id = &server.public_client().id;
    let run = || session.run(PROGRAM).as_person_at(&server);
    for is_deleted_by_another_client in [false, true] {
        let ended = run().args("--flow device").approved_at(&server).await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_ne!(session.items("authgate-rust", id), "");
        if is_deleted_by_another_client {
            let clear = ["clear", "service", "authgate", "username", id];
            let status = session.command("secret-tool").args(clear).status();
            assert!(status.unwrap().success());
        }
        let ended = run().arg("--logout").end().await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        for service in ["authgate", "authgate-rust"] {
            assert_eq!(session.items(service, id), "", "{service}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let (server, home) = logged_in(600).await;
    server.inject(Endpoint::Revocation, Fault::status(503), Times::Once);
    assert_eq!(log_out(&home, &server).await.status, Some(0));
    assert_eq!(server.count(Endpoint::Revocation), 3);
}

#[tokio::test]
async fn without_a_server_the_login_is_deleted_with_a_warning() {
    let (server, home) = logged_in(600).await;
    let (run, client) = (
        run(&home, &server).arg("--logout"),
        server.public_client().clone(),
    );
    server.stop().await;
    assert_snapshot!(failure(&run.end().await), @"
    Logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: the refresh and access tokens were not revoked, and the server may accept them until they expire: discovery: cannot reach http://127.0.0.1:[port]/.well-known/openid-configuration (Connection refused (os error 111)). Check that the server is running at this address
    ");
    assert_eq!(home.stored(&client), None);
}

#[tokio::test]
async fn a_login_at_another_server_is_deleted_only_with_replace() {
    let (other, home) = logged_in(600).await;
    let server = server().await;
    let ended = log_out(&home, &server).await;
    ended.says(&[other.url()]);
    assert_snapshot!(failure(&ended), @"
    The keyring was not asked, so an older login may still be in it.
    error: the stored login of this client is for http://127.0.0.1:[port], not for http://127.0.0.1:[port], so it is neither used nor replaced. If you no longer need it, add --replace
    ");
    assert!(home.stored(server.public_client()).is_some());

    let ended = run(&home, &server)
        .args("--logout --replace")
        .start()
        .end()
        .await;
    assert_snapshot!(failure(&ended), @"
    Logged out.
    The keyring was not asked, so an older login may still be in it.
    warning: the refresh and access tokens were not revoked, and the server may accept them until they expire: the login is for http://127.0.0.1:[port], another server
    ");
    assert_eq!(home.stored(server.public_client()), None);
    assert_eq!((server.requests().len(), other.requests().len()), (0, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_token_that_cannot_be_deleted_is_not_logged_out() {
    let (server, home) = logged_in(600).await;
    let revocation = server.hold(Endpoint::Revocation);
    let run = run(&home, &server).arg("--logout").start();
    revocation.arrived().await;
    // A second hard link makes the client refuse to write the file.
    std::fs::hard_link(home.file(""), home.path().join("second name")).unwrap();
    revocation.release();
    assert_snapshot!(failure(&run.end().await), @"
    Not logged out everywhere.
    The keyring was not asked, so an older login may still be in it.
    warning: not deleted: [home]/.authgate-tokens.json: has a second name (a hard link), so writing to it would change another file: remove one of them
    ");
}
