//! Two processes that find one expired login, time and again.

use std::io::{BufRead, BufReader, Lines, Write, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::support::flow::Recorder;
use crate::support::logins::{LONG_AGO, login, options, strict_server, unattended};
use crate::support::stores::{CLIENT, folder, part, part_path, rounds};
use authgate_core::authenticate;
use authgate_core::store::{FallbackStore, FileStore, TokenStore};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::runtime::Runtime;

const ANSWER: &str = "access token: ";

/// A service that logs in each time somebody says so, and says which token it has then.
#[test]
fn part_that_logs_in_when_it_is_told_to() {
    let Some(path) = part_path() else { return };
    let runtime = Runtime::new().unwrap();
    for url in stdin().lines() {
        // As a new run would begin: with nothing in memory.
        let file = FileStore::new(&path);
        let lock = file.login_lock().clone();
        let store = Arc::new(FallbackStore::new(vec![Box::new(file)], lock));
        let context = unattended(store, Arc::new(Recorder::default()));
        match runtime.block_on(authenticate(options(&url.unwrap()), context)) {
            Ok(session) => println!("{ANSWER}{}", session.token().access_token.expose()),
            Err(error) => println!("{ANSWER}none, because {error}"),
        }
    }
}

struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(path: &std::path::Path) -> Self {
        let mut part = part("part_that_logs_in_when_it_is_told_to", path);
        let mut child = part.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, orders, answers: BufReader::new(answers).lines() }
    }

    fn begin(&mut self, server: &DevServer) {
        writeln!(self.orders, "{}", server.url()).unwrap();
    }

    fn answer(&mut self) -> String {
        let line = self.answers.by_ref().map(Result::unwrap).find(|line| line.contains(ANSWER)).unwrap();
        line.split(ANSWER).nth(1).unwrap().to_owned()
    }

    fn end(mut self) {
        drop(self.orders);
        self.answers.for_each(drop);
        assert!(self.child.wait().unwrap().success());
    }
}

/// case 113
#[test]
fn two_processes_that_find_an_expired_login_ask_once_and_never_lose_it() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(strict_server());
    // Long enough for both to be at it.
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(5)), Times::Always);
    let (_folder, path) = folder();
    let store = FileStore::new(&path);
    let mut stored = login(&server, LONG_AGO);
    let (mut first, mut second) = (Process::start(&path), Process::start(&path));
    for round in 1..=rounds().unwrap_or(20) {
        stored.expires_at = Some(LONG_AGO);
        store.save(CLIENT, &stored).unwrap();
        first.begin(&server);
        sleep(Duration::from_micros(250 * (round % 40)));
        second.begin(&server);
        let answers = (first.answer(), second.answer());

        stored = store.load(CLIENT).unwrap().unwrap();
        let expected = stored.access_token.expose();
        assert_eq!((answers.0.as_str(), answers.1.as_str()), (expected, expected), "round {round}");
        assert_eq!(server.count(Endpoint::Token) as u64, round);
    }
    first.end();
    second.end();
}
