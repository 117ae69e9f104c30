//! Desktop sessions, with or without a keyring.
//!
//! Each has a home folder and usually its own bus. They need dbus-daemon, gnome-keyring and
//! secret-tool, so only ignored tests use them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::{Home, Run};

/// Prints the address of the bus and keeps the session open until standard input ends.
const STAY: &str = r#"echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat >/dev/null"#;

/// The configuration of a bus that knows no services.
const NO_SERVICES: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"#;

/// The parts of a desktop session that a keyring needs. Dropping it ends the session.
pub struct Session {
    home: Home,
    bus_address: Option<String>,
    _silent: Option<UnixListener>,
    bus: Option<(Child, Option<ChildStdin>)>,
}

impl Session {
    /// Starts a session with an unlocked, empty keyring.
    pub fn unlocked() -> Self {
        let unlock = "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; ";
        Self::with_bus(&[], &(unlock.to_owned() + STAY))
    }

    /// Starts a session with a keyring that nobody has set up.
    pub fn never_set_up() -> Self {
        Self::with_bus(&[], STAY)
    }

    /// Starts a session with a bus that knows no services.
    pub fn without_keyring() -> Self {
        Self::with_bus(&["--config-file=bus.conf"], STAY)
    }

    /// Creates a session without a bus, as over SSH.
    pub fn without_bus() -> Self {
        Self {
            home: Home::new(),
            bus_address: None,
            _silent: None,
            bus: None,
        }
    }

    /// Starts a session with a bus that accepts connections and never answers.
    pub fn silent() -> Self {
        let home = Home::new();
        let socket = home.path().join("bus");
        let silent = UnixListener::bind(&socket).unwrap();
        let bus_address = Some(format!("unix:path={}", socket.display()));
        Self {
            home,
            bus_address,
            _silent: Some(silent),
            bus: None,
        }
    }

    fn with_bus(options: &[&str], script: &str) -> Self {
        let home = Home::new();
        home.place("bus.conf", NO_SERVICES);
        let mut command = Command::new("dbus-run-session");
        command
            .args(options)
            .args(["--", "sh", "-c", script])
            .current_dir(home.path());
        command.envs(["HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"].map(|name| (name, home.path())));
        let mut bus = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-run-session starts");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        assert!(
            address.starts_with("unix:"),
            "the session does not start: {address:?}"
        );
        let stdin = bus.stdin.take();
        Self {
            home,
            bus_address: Some(address.trim_end().to_owned()),
            _silent: None,
            bus: Some((bus, stdin)),
        }
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    pub fn variables(&self) -> Vec<(&str, &str)> {
        let home = self.home.path().to_str().unwrap();
        let address = self
            .bus_address
            .as_deref()
            .map(|address| ("DBUS_SESSION_BUS_ADDRESS", address));
        [("HOME", home), ("XDG_RUNTIME_DIR", home)]
            .into_iter()
            .chain(address)
            .collect()
    }

    pub fn run(&self, program: &str) -> Run {
        self.variables()
            .into_iter()
            .fold(Run::new(program, &self.home), |run, (name, value)| {
                run.with(name, value)
            })
    }

    /// Prepares a tool that runs in this session, with the `PATH` of the test.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .envs(self.variables());
        command
    }

    pub fn lock(&self) {
        let lock = "--session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
             org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login";
        assert!(
            self.command("dbus-send")
                .args(lock.split(' '))
                .stdout(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
    }

    /// Returns the output of `secret-tool` for all items of a service and a user.
    pub fn items(&self, service: &str, user: &str) -> String {
        let search = ["search", "--all", "service", service, "username", user];
        let output = self.command("secret-tool").args(search).output().unwrap();
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }

    /// Adds an item of the service `authgate` with these further attributes, as another program
    /// would.
    pub fn add_item(&self, user: &str, text: &str, attributes: &[&str]) {
        let mut command = self.command("secret-tool");
        command
            .args([
                "store",
                "--label=made by a test",
                "service",
                "authgate",
                "username",
                user,
            ])
            .args(attributes);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some((bus, stdin)) = &mut self.bus {
            drop(stdin.take());
            // Only the end of the bus matters, not its status.
            let _ended = bus.wait();
        }
    }
}
