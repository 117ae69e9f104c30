//! Runs of the built program.

pub(crate) mod connect_proxy;

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use authgate_dev_server::DevServer;
use tempfile::TempDir;
use tokio::process::Command;

/// Ten times as long as a request may take.
const HANGS_AFTER: Duration = Duration::from_secs(300);

/// One run in a folder of its own, with nothing in its environment but what the test says.
pub(crate) struct Run {
    pub(crate) folder: TempDir,
    pub(crate) command: Command,
}

impl Run {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rust-m2m"));
        command.env_clear().current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        // Windows cannot open a socket without it.
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        Self { folder, command }
    }

    pub(crate) fn of(server: &DevServer) -> Self {
        let client = server.confidential_client();
        Self::new()
            .with("AUTHGATE_URL", server.url())
            .with("CLIENT_ID", &client.id)
            .with("CLIENT_SECRET", client.secret.as_deref().unwrap())
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn file(self, content: &str) -> Self {
        self.place(".env", content);
        self
    }

    /// Trusting the authorities of these servers, and no others.
    pub(crate) fn trusting(self, servers: &[&DevServer]) -> Self {
        let bundle: String = servers.iter().filter_map(|server| server.certificate_authority()).collect();
        let path = self.place("authority.pem", &bundle);
        self.with("SSL_CERT_FILE", path.to_str().unwrap())
    }

    /// A file in the folder of the run.
    pub(crate) fn place(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) async fn end(mut self) -> Ended {
        let output = tokio::time::timeout(HANGS_AFTER, self.command.output()).await;
        Ended::from(&output.unwrap_or_else(|_| panic!("the program hangs")).unwrap())
    }
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<&Output> for Ended {
    fn from(output: &Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

impl Ended {
    /// It failed before it had anything to print, and stderr says all of this.
    pub(crate) fn fails_with(&self, status: i32, sayings: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (Some(status), ""), "{self:?}");
        for saying in sayings {
            assert!(self.stderr.contains(saying), "{saying:?} is not in {}", self.stderr);
        }
        assert!(!self.stderr.contains("canary"), "{}", self.stderr);
    }
}
