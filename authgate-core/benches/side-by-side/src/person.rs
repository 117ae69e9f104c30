//! Measures `rust-cli` with a login in the file, next to the same three requests in Python.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use authgate_dev_server::DevServer;
use serde_json::json;

use crate::process::Process;
use crate::programs::Programs;
use crate::rounds::{Contender, interleave};
use crate::sample_server::SampleServer;
use crate::table::{Goal, Row, time};

const ROUNDS: usize = 20;
const RUNS: usize = 8;

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let server = SampleServer::start(DevServer::builder())?;
    let home = programs.folder()?;
    log_in(&server, home.path())?;
    let person = |program: &Path| {
        Process::new(programs, home.path(), program)
            .with("AUTHGATE_URL", server.url())
            .with("CLIENT_ID", &server.public_client().id)
    };
    // Neither program looks for a keyring, because the time for that depends on the desktop.
    let mut python = person(&programs.python())
        .arguments([programs.script("cli.py")])
        .with("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring");
    let mut rust = person(&programs.built("rust-cli")).arguments(["--no-keyring"]);

    let mut runs = 0;
    let mut as_planned = 0;
    let [python, rust] = interleave(
        ROUNDS,
        [
            Contender::new(1, || Ok(python.run()?.wall)),
            Contender::new(RUNS, || {
                let (connections, requests) = server.traffic();
                let usage = rust.run()?;
                runs += 1;
                as_planned += u32::from(server.traffic() == (connections + 1, requests + 3));
                Ok(usage.wall)
            }),
        ],
    )?;
    let what = "`rust-cli`, login in the file";
    Ok(vec![
        Row::ratio(
            what,
            "Python SDK",
            time(python.median()),
            time(rust.median()),
            &rust.over(&python),
            Goal::AtMost(0.02),
        ),
        Row::count(
            "`rust-cli`, login in the file: 1 connection and 3 requests",
            "",
            "",
            format!("{as_planned} of {runs} runs"),
            "all runs",
            as_planned == runs,
        ),
    ])
}

/// Stores a login where both clients look for one.
fn log_in(server: &SampleServer, home: &Path) -> Result<()> {
    let client = server.public_client();
    let tokens = server.issue_tokens(client, "profile email");
    let entry = json!({
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
        "expires_at": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600,
        "client_id": client.id,
    });
    let file = home.join(".authgate-tokens.json");
    std::fs::write(
        &file,
        format!("{:#}", json!({ "data": { &client.id: entry.to_string() } })),
    )?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600))?;
    }
    Ok(())
}
