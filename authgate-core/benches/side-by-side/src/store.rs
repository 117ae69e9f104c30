//! Measures the file store, next to the Python SDK's.

use std::cell::RefCell;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use authgate_core::Secret;
use authgate_core::test_util::{FileStore, LoginLock, Notices, StoredToken, TokenStore};

use crate::programs::Programs;
use crate::python::Answers;
use crate::rounds::{Contender, Costs, interleave};
use crate::table::{Goal, Row, time};

const CLIENT: &str = "side-by-side";
const ROUNDS: usize = 30;
const LOADS: u32 = 500;
const SAVES: u32 = 20;

pub(crate) fn rows(programs: &Programs) -> Result<Vec<Row>> {
    let folder = programs.folder()?;
    let store = FileStore::new(folder.path().join("ours.json"), Notices::default());
    let token = token()?;
    let save = || -> Result<()> {
        let guard = store.login_lock().acquire(LoginLock::PATIENCE)?;
        store.put(CLIENT, None, Some(&token), &guard)?;
        Ok(())
    };
    save()?;
    let python = RefCell::new(PythonStore::start(
        programs,
        &folder.path().join("theirs.json"),
    )?);

    let [their_load, load, their_save, save] = interleave(
        ROUNDS,
        [
            Contender::new(1, || python.borrow_mut().time("load", LOADS)),
            Contender::new(1, || timed(LOADS, || Ok(_ = store.load(CLIENT)?))),
            Contender::new(1, || python.borrow_mut().time("save", SAVES)),
            Contender::new(1, || timed(SAVES, save)),
        ],
    )?;
    let row = |what: &str, theirs: &Costs, ours: &Costs, goal| {
        Row::ratio(
            what,
            "Python SDK",
            time(theirs.median()),
            time(ours.median()),
            &ours.over(theirs),
            goal,
        )
    };
    Ok(vec![
        row("file store: load", &their_load, &load, Goal::AtMost(0.4)),
        row(
            "file store: save, on the disk on return",
            &their_save,
            &save,
            Goal::AtMost(1.0),
        ),
    ])
}

/// A process with the Python SDK's store, which runs the actions that we send.
struct PythonStore {
    child: Child,
    answers: Answers,
}

impl PythonStore {
    fn start(programs: &Programs, file: &Path) -> Result<Self> {
        let mut child = Command::new(programs.python())
            .arg(programs.script("store.py"))
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("Python cannot be run")?;
        let answers = Answers::of(&mut child)?;
        Ok(Self { child, answers })
    }

    /// Returns the seconds that one action takes.
    fn time(&mut self, action: &str, times: u32) -> Result<f64> {
        let mut input = self
            .child
            .stdin
            .as_ref()
            .context("its input is not a pipe")?;
        writeln!(input, "{action} {times}")?;
        let nanoseconds = Duration::from_nanos(self.answers.next()?.parse()?);
        Ok(nanoseconds.as_secs_f64() / f64::from(times))
    }
}

impl Drop for PythonStore {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

fn timed(times: u32, action: impl Fn() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..times {
        action()?;
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(times))
}

/// Creates a token as long as the Python peer's.
fn token() -> Result<StoredToken> {
    let mut token = StoredToken::new(Secret::from("access-".repeat(100)));
    token.refresh_token = Some(Secret::from("refresh-".repeat(10)));
    token.expires_at = Some(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600);
    Ok(token)
}
