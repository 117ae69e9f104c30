use std::path::Path;
use std::process::Command;

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::files::section;
use authgate_test_support::{Home, Run};
use serde_json::{Value, json};

use crate::support::{PROGRAM, logged_in, stored};

const API: &str = "https://api.example.com/v1/me";

/// Returns the code blocks of a recipe in the README.
fn recipe(name: &str) -> Vec<&'static str> {
    let recipes = section(include_str!("../../README.md"), "## Recipes");
    let recipe = section(recipes, &format!("### {name}"));
    let recipe = recipe.split("\n### ").next().unwrap();
    let blocks = recipe.split("```").skip(1).step_by(2);
    blocks
        .map(|block| block.split_once('\n').unwrap().1)
        .collect()
}

/// Prepares a shell command that finds rust-cli and the scripts in the home folder.
fn shell(home: &Home, server: &DevServer, command: &str) -> Run {
    let folders = [home.path(), Path::new(PROGRAM).parent().unwrap()];
    let [scripts, programs] = folders.map(|folder| folder.to_str().unwrap());
    Run::new("sh", home)
        .as_person_at(server)
        .with("AUTHGATE_NO_KEYRING", "1")
        .with("CI", "1")
        .with("PATH", &format!("{scripts}:{programs}:/usr/bin:/bin"))
        .with("GIT_TERMINAL_PROMPT", "0")
        .arg("-c")
        .arg(command)
}

/// Saves an executable script in the home folder. Another program writes it: a file that this
/// process writes cannot be run while a process that another test starts has inherited it.
fn install(home: &Home, name: &str, script: &str) {
    let text = home.place(&format!("{name}.txt"), script);
    let status = Command::new("install")
        .args(["-m", "755"])
        .args([text, home.path().join(name)])
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn curl_calls_an_api_with_the_token() {
    let (server, home) = logged_in(600).await;
    let api = format!("{}/oauth/userinfo", server.url());
    let command = recipe("curl")[0].replace(API, &api);
    server.forget_requests();
    let ended = shell(&home, &server, &command).end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains(&server.user().subject),
        "{}",
        ended.stdout
    );
    let by_curl = server.requests_at(Endpoint::UserInfo).pop().unwrap();
    assert!(by_curl.header("user-agent").unwrap().starts_with("curl/"));
    assert_eq!(
        by_curl.header("authorization").unwrap(),
        format!("Bearer {}", stored(&home, &server).access_token)
    );

    // Without a login, curl is not run.
    let ended = shell(&Home::new(), &server, &command).end().await;
    ended.fails_with(1, &["nobody is logged in"]);
}

#[tokio::test]
async fn httpie_gets_the_token() {
    let (server, home) = logged_in(600).await;
    // A stand-in, because HTTPie is rarely installed: it prints its arguments.
    install(&home, "http", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    let ended = shell(&home, &server, recipe("HTTPie")[0]).end().await;
    let token = stored(&home, &server).access_token;
    assert_eq!(ended.stdout, format!("-A\nbearer\n-a\n{token}\n{API}\n"));
}

#[tokio::test]
async fn kubectl_gets_an_exec_credential() {
    const API_VERSION: &str = "client.authentication.k8s.io/v1";
    let (server, home) = logged_in(600).await;
    let [script, kubeconfig] = recipe("kubectl").try_into().unwrap();
    install(&home, "kubectl-authgate", script);
    let ended = shell(&home, &server, "kubectl-authgate").end().await;
    let credential: Value = serde_json::from_str(&ended.stdout).unwrap();
    let token = stored(&home, &server).access_token;
    assert_eq!(
        credential,
        json!({"apiVersion": API_VERSION, "kind": "ExecCredential", "status": {"token": token}})
    );
    for line in [
        format!("apiVersion: {API_VERSION}"),
        "command: kubectl-authgate".to_owned(),
    ] {
        assert!(kubeconfig.contains(&line), "{kubeconfig}");
    }

    let ended = shell(&Home::new(), &server, script).end().await;
    ended.fails_with(1, &["nobody is logged in"]);
}

#[tokio::test]
async fn git_gets_the_token_for_its_server_only() {
    let (server, home) = logged_in(600).await;
    let [script, setup] = recipe("git").try_into().unwrap();
    install(&home, "git-credential-authgate", script);
    let ended = shell(&home, &server, setup).end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let fill = |host| format!("printf 'protocol=https\\nhost={host}\\n\\n' | git credential fill");

    let ended = shell(&home, &server, &fill("git.example.com")).end().await;
    let token = stored(&home, &server).access_token;
    assert_eq!(
        ended.stdout,
        format!("protocol=https\nhost=git.example.com\nusername=oauth2\npassword={token}\n"),
        "{ended:?}"
    );
    let ended = shell(&home, &server, &fill("other.example.com"))
        .end()
        .await;
    assert!(ended.status != Some(0) && !ended.stdout.contains("password"));

    let approve = format!("printf '%s' '{}' | git credential approve", ended.stdout);
    let ended = shell(&home, &server, &approve).end().await;
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), ""));
}
