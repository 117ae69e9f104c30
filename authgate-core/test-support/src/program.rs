#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use authgate_dev_server::DevServer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

#[cfg(unix)]
use crate::Terminal;
use crate::{Home, LIMIT, redact, until};

/// One run of a built program. Its environment contains only the variables that the test sets.
#[must_use]
pub struct Run {
    command: Command,
    home: PathBuf,
}

impl Run {
    /// Prepares a run with this home folder, which is also the current folder, and no other
    /// variables.
    pub fn new(program: impl AsRef<Path>, home: &Home) -> Self {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("HOME", home.path())
            .env("USERPROFILE", home.path())
            .current_dir(home.path());
        // Windows cannot open a socket without it.
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        Self::piped(command, home.path())
    }

    fn piped(mut command: Command, home: &Path) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            command,
            home: home.to_owned(),
        }
    }

    /// Lets another program start the run. It gets the command line after these arguments.
    pub fn under(self, program: &str, arguments: &[&str]) -> Self {
        let run = self.command.as_std();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(run.get_program())
            .args(run.get_args());
        command.env_clear().envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command.current_dir(run.get_current_dir().unwrap());
        Self::piped(command, &self.home)
    }

    /// Limits the size of files to this number of blocks: `0` acts like a full disk.
    #[cfg(unix)]
    pub fn with_space_for(self, blocks: &str) -> Self {
        self.under(
            "sh",
            &["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, blocks],
        )
    }

    /// Lets each of these system calls fail with this error. Needs strace.
    #[cfg(target_os = "linux")]
    pub fn refusing(self, calls: &str, error: &str) -> Self {
        let (trace, inject) = (
            format!("trace={calls}"),
            format!("inject={calls}:error={error}"),
        );
        self.under(
            "strace",
            &["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject],
        )
    }

    /// Lets the run ask these name servers instead of the system's. Needs root and unshare.
    #[cfg(target_os = "linux")]
    pub fn asking(self, names: &crate::NameServers) -> Self {
        let configuration = self.home.join("resolv.conf");
        std::fs::write(configuration, names.configuration()).unwrap();
        let mount = r#"mount --bind "$HOME/resolv.conf" /etc/resolv.conf && exec "$0" "$@""#;
        self.under("unshare", &["--mount", "/bin/sh", "-c", mount])
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn as_service_of(self, server: &DevServer) -> Self {
        let client = server.confidential_client();
        let secret = client.secret.as_deref().unwrap();
        self.with("AUTHGATE_URL", server.url())
            .with("CLIENT_ID", &client.id)
            .with("CLIENT_SECRET", secret)
    }

    pub fn as_person_at(self, server: &DevServer) -> Self {
        self.with("AUTHGATE_URL", server.url())
            .with("CLIENT_ID", &server.public_client().id)
    }

    /// Lets the run trust the authorities of these servers only.
    pub fn trusting(self, servers: &[&DevServer]) -> Self {
        let bundle: String = servers
            .iter()
            .filter_map(|server| server.certificate_authority())
            .collect();
        let path = self.home.join("authority.pem");
        std::fs::write(&path, bundle).unwrap();
        self.with("SSL_CERT_FILE", path.to_str().unwrap())
    }

    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Adds arguments, which blanks separate.
    pub fn args(mut self, arguments: &str) -> Self {
        self.command.args(arguments.split(' '));
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Starts the run in this terminal: the terminal is its standard input and standard error.
    #[cfg(unix)]
    pub fn start_in(mut self, terminal: Terminal) -> Started {
        let (screen, window) = terminal.into_ends();
        self.command
            .stdin(window.try_clone().unwrap())
            .stderr(window);
        let mut child = self.command.spawn().unwrap();
        let stdout = child.stdout.take().map(Collected::from);
        // `self` holds the window, which must close when the run ends.
        let home = self.home.clone();
        drop(self);
        Started {
            child,
            home,
            stdin: None,
            stdout,
            stderr: Some(Collected::from(screen)),
        }
    }

    pub fn start(mut self) -> Started {
        let mut child = self.command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(Collected::from);
        let stderr = child.stderr.take().map(Collected::from);
        Started {
            child,
            home: self.home,
            stdin,
            stdout,
            stderr,
        }
    }

    pub async fn end(self) -> Ended {
        self.start().end().await
    }

    pub async fn approved_at(self, server: &DevServer) -> Ended {
        self.start().approved_at(server).await
    }
}

/// A started run. Dropping it kills the process.
pub struct Started {
    child: Child,
    home: PathBuf,
    stdin: Option<ChildStdin>,
    stdout: Option<Collected>,
    stderr: Option<Collected>,
}

impl Started {
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits until standard error, or the terminal, contains this.
    pub async fn says(&self, saying: &str) {
        until(saying, || self.said().contains(saying)).await;
    }

    /// Returns the output on standard error, or on the terminal, so far.
    pub fn said(&self) -> String {
        self.stderr
            .as_ref()
            .map(Collected::text)
            .unwrap_or_default()
    }

    pub async fn prints(&self, text: &str) {
        until(text, || self.printed().contains(text)).await;
    }

    pub fn printed(&self) -> String {
        self.stdout
            .as_ref()
            .map(Collected::text)
            .unwrap_or_default()
    }

    pub async fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is piped");
        stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    #[cfg(unix)]
    pub async fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    /// Writes a line to standard input, and returns the next line of standard output.
    pub async fn ask(&mut self, line: &str) -> String {
        let answered = self.printed().len();
        self.write_line(line).await;
        let stdout = self.stdout.as_ref().expect("standard output is read");
        until(line, || {
            stdout.text()[answered..].contains('\n') || stdout.reading.is_finished()
        })
        .await;
        let printed = stdout.text();
        let answer = printed[answered..].lines().next();
        answer
            .unwrap_or_else(|| {
                panic!(
                    "it ended without an answer to {line:?}, and said: {}",
                    self.said()
                )
            })
            .to_owned()
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Approves the device code when the server has one, and waits until the run ends.
    pub async fn approved_at(self, server: &DevServer) -> Ended {
        until("a device code", || {
            server
                .latest_user_code()
                .is_some_and(|code| server.approve_device(&code))
        })
        .await;
        self.end().await
    }

    /// Closes standard input and waits until the run ends.
    pub async fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let Ok(status) = timeout(LIMIT * 2, self.child.wait()).await else {
            panic!("the run does not end; its output: {}", self.said());
        };
        let (stdout, stderr) = (
            Collected::whole(self.stdout).await,
            Collected::whole(self.stderr).await,
        );
        let status = status.unwrap();
        Ended {
            status: status.code(),
            #[cfg(unix)]
            signal: ExitStatusExt::signal(&status),
            stdout,
            stderr,
            home: self.home,
        }
    }
}

struct Collected {
    text: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl Collected {
    fn from(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let collected = text.clone();
        let reading = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut bytes).await {
                collected
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self { text, reading }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    async fn whole(this: Option<Self>) -> String {
        let Some(this) = this else {
            return String::new();
        };
        timeout(LIMIT, this.reading)
            .await
            .expect("the output ends when the run ends")
            .unwrap();
        this.text.lock().unwrap().clone()
    }
}

#[derive(Debug)]
pub struct Ended {
    /// The exit status; `None` if a signal ended the run.
    pub status: Option<i32>,
    #[cfg(unix)]
    pub signal: Option<i32>,
    /// All of standard output, unless the test replaced it.
    pub stdout: String,
    /// All of standard error, or everything written to the terminal.
    pub stderr: String,
    home: PathBuf,
}

impl Ended {
    /// Returns standard output for a snapshot, without the parts that differ from run to run.
    pub fn printed(&self) -> String {
        self.redacted(&self.stdout)
    }

    /// Returns standard error for a snapshot, without the parts that differ from run to run.
    pub fn said(&self) -> String {
        self.redacted(&self.stderr)
    }

    fn redacted(&self, text: &str) -> String {
        // Windows uses another separator after the folder.
        redact(
            &text
                .replace(self.home.to_str().unwrap(), "[home]")
                .replace("[home]\\", "[home]/"),
        )
    }

    /// Checks that the run failed with this status and printed nothing, and that standard error
    /// contains all of these texts.
    #[track_caller]
    pub fn fails_with(&self, status: i32, sayings: &[&str]) {
        assert_eq!(
            (self.status, self.stdout.as_str()),
            (Some(status), ""),
            "{self:?}"
        );
        self.says(sayings);
        assert!(!self.stderr.contains("canary"), "{}", self.stderr);
    }

    #[track_caller]
    pub fn says(&self, sayings: &[&str]) {
        for saying in sayings {
            assert!(
                self.stderr.contains(saying),
                "{saying:?} is not in {}",
                self.stderr
            );
        }
    }

    pub fn number(&self, label: &str) -> u64 {
        self.value(label)
            .parse()
            .unwrap_or_else(|_| panic!("{label} is not a number: {self:?}"))
    }

    pub fn value(&self, label: &str) -> &str {
        let label = format!("{label}: ");
        let mut values = self
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix(&label));
        values
            .next()
            .unwrap_or_else(|| panic!("no {label} in {self:?}"))
    }
}
