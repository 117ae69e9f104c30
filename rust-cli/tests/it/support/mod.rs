//! What the tests of the program share: a home folder, runs in it, and a person who answers.

pub(crate) mod browser;
pub(crate) mod home;
#[cfg(unix)]
pub(crate) mod terminal;

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub(crate) use home::{Home, Stored};

/// No test waits longer than this for one thing.
const LIMIT: Duration = Duration::from_secs(30);

/// A server whose device flow does not keep a test waiting.
pub(crate) async fn server() -> DevServer {
    DevServer::start_with(|settings| settings.device_code_interval = Duration::from_secs(1)).await
}

/// How often the server was asked to renew a login.
pub(crate) fn refreshes(server: &DevServer) -> usize {
    let requests = server.requests_at(Endpoint::Token);
    requests.iter().filter(|request| request.parameter("grant_type") == Some("refresh_token")).count()
}

/// Comes back as soon as `is_so`.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// How often the same is tried where `AUTHGATE_TEST_ROUNDS` says so; `None` where a few times will do.
pub(crate) fn rounds() -> Option<u64> {
    std::env::var("AUTHGATE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok())
}

/// Says which test did not run here, past the test harness, which shows nothing of a test that passes.
pub(crate) fn left_out(reason: &str) {
    use std::io::Write;

    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "left out: {test}: {reason}");
}

/// Whether the tests may use strace, to see what the system is asked or to make it refuse.
pub(crate) fn strace_is_asked_for() -> bool {
    let asked_for = std::env::var("AUTHGATE_TEST_STRACE").is_ok_and(|value| value == "1");
    if !asked_for {
        left_out("AUTHGATE_TEST_STRACE is not 1");
    }
    asked_for
}

/// One run, with nothing in its environment but what the test says.
pub(crate) struct Run(Command);

impl Run {
    /// A run that has a home folder, which is also its current one, and nothing else.
    pub(crate) fn bare(home: &Home) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rust-cli"));
        command.env_clear().env("HOME", home.path()).env("USERPROFILE", home.path()).current_dir(home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Windows cannot open a socket without it.
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        Self(command)
    }

    /// The same run, started by another program, which gets its command line behind these arguments.
    pub(crate) fn under(self, program: &str, arguments: &[&str]) -> Self {
        let run = self.0.as_std();
        let mut command = Command::new(program);
        command.args(arguments).arg(run.get_program()).args(run.get_args());
        command.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(run.get_current_dir().unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self(command)
    }

    /// The same run, which can write to no file: each byte is one too many, as on a full disk.
    #[cfg(unix)]
    pub(crate) fn without_space(self) -> Self {
        self.with_space_for("0")
    }

    /// The same run, for which no file may grow beyond this number of blocks of 512 or 1024 bytes.
    #[cfg(unix)]
    pub(crate) fn with_space_for(self, blocks: &str) -> Self {
        self.under("sh", &["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, blocks])
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn args(mut self, arguments: &str) -> Self {
        self.0.args(arguments.split(' '));
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.0.stdin(stdin);
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.0.stdout(stdout);
        self
    }

    /// Runs in this terminal: what a person types goes in, and what is meant for one comes out.
    #[cfg(unix)]
    pub(crate) fn start_in(mut self, terminal: terminal::Terminal) -> Started {
        let (screen, window) = terminal.into_ends();
        self.0.stdin(window.try_clone().unwrap()).stderr(window);
        let mut child = self.0.spawn().unwrap();
        // The window is closed when the run has ended, and not kept open by us.
        drop(self);
        let stdout = child.stdout.take().map(Collected::from);
        Started { child, stdout, stderr: Collected::from(screen) }
    }

    /// Runs to the end without anybody's help.
    pub(crate) async fn end(self) -> Ended {
        self.start().end().await
    }

    /// Runs to the end, while somebody approves the device code that it shows.
    pub(crate) async fn approved_at(self, server: &DevServer) -> Ended {
        self.start().approved_at(server).await
    }

    pub(crate) fn start(mut self) -> Started {
        let mut child = self.0.spawn().unwrap();
        let stdout = child.stdout.take().map(Collected::from);
        let stderr = Collected::from(child.stderr.take().unwrap());
        Started { child, stdout, stderr }
    }
}

/// A run that goes on.
pub(crate) struct Started {
    child: Child,
    stdout: Option<Collected>,
    stderr: Collected,
}

impl Started {
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits until stderr has this.
    pub(crate) async fn says(&self, saying: &str) {
        until(saying, || self.stderr.text().contains(saying)).await;
    }

    pub(crate) fn said(&self) -> String {
        self.stderr.text()
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn approved_at(self, server: &DevServer) -> Ended {
        until("a device code", || server.latest_user_code().is_some_and(|code| server.approve_device(&code))).await;
        self.end().await
    }

    pub(crate) async fn end(mut self) -> Ended {
        let Ok(status) = timeout(LIMIT, self.child.wait()).await else {
            panic!("it does not end, and said: {}", self.stderr.text());
        };
        let stdout = match self.stdout {
            Some(stdout) => stdout.whole().await,
            None => String::new(),
        };
        let stderr = self.stderr.whole().await;
        Ended { status: status.unwrap().code(), stdout, stderr }
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
                collected.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self { text, reading }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    async fn whole(self) -> String {
        timeout(LIMIT, self.reading).await.unwrap().unwrap();
        self.text.lock().unwrap().clone()
    }
}

/// How a run ended; the status is `None` when a signal ended it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// It failed before it had anything to print, and stderr says all of this.
    pub(crate) fn fails_with(&self, status: i32, sayings: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (Some(status), ""), "{self:?}");
        self.says(sayings);
        assert!(!self.stderr.contains("canary"), "{}", self.stderr);
    }

    pub(crate) fn says(&self, sayings: &[&str]) {
        for saying in sayings {
            assert!(self.stderr.contains(saying), "{saying:?} is not in {}", self.stderr);
        }
    }

    /// It printed the whole block about this login.
    pub(crate) fn shows(&self, stored: &Stored, server: &DevServer) {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(self.stdout, stored.block(server, self.number("Expires In")), "{}", self.stderr);
    }

    /// It showed the login of the server's user all the same, and warned about the file.
    pub(crate) fn goes_on_without_saving(&self, home: &Home, server: &DevServer) {
        assert_eq!((self.status, self.value("Subject")), (Some(0), server.user().subject.as_str()), "{self:?}");
        self.says(&[home.file("").to_str().unwrap(), "lasts for this run only"]);
        assert_eq!(home.leftovers(), [""; 0]);
    }

    /// The number behind a label.
    pub(crate) fn number(&self, label: &str) -> u64 {
        self.value(label).parse().unwrap_or_else(|_| panic!("{label} is no number: {self:?}"))
    }

    /// The text behind a label.
    pub(crate) fn value(&self, label: &str) -> &str {
        let label = format!("{label}: ");
        let mut values = self.stdout.lines().filter_map(|line| line.strip_prefix(&label));
        values.next().unwrap_or_else(|| panic!("no {label} in {self:?}"))
    }
}
