use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use super::*;

/// `NO_PROXY`, a server, whether `curl` 7.88, Go 1.26 and the Python SDK (httpx 0.28) bypass the
/// proxy (`y`, `n`), and whether we do.
const TABLE: [(&str, &str, &str, bool); 32] = [
    // They agree.
    ("", "https://auth.example.test", "nnn", false),
    ("*", "https://auth.example.test", "yyy", true),
    ("*", "https://224.0.0.1", "yyy", true),
    ("*", "https://[ff02::1]", "yyy", true),
    (
        "auth.example.test",
        "https://auth.example.test",
        "yyy",
        true,
    ),
    (
        "AUTH.example.test",
        "https://auth.example.test",
        "yyy",
        true,
    ),
    (
        "other.test,auth.example.test",
        "https://auth.example.test",
        "yyy",
        true,
    ),
    (
        "other.test, auth.example.test",
        "https://auth.example.test",
        "yyy",
        true,
    ),
    ("example.test", "https://auth.example.test", "yyy", true),
    ("example.test", "https://notexample.test", "nnn", false),
    (".example.test", "https://auth.example.test", "yyy", true),
    ("224.0.0.1", "https://224.0.0.1", "yyy", true),
    ("224.0.0.1", "https://224.0.0.2", "nnn", false),
    // `curl` knows no port.
    (
        "auth.example.test:443",
        "https://auth.example.test",
        "nyy",
        true,
    ),
    (
        "auth.example.test:8443",
        "https://auth.example.test:8443",
        "nyy",
        true,
    ),
    (
        "auth.example.test:8443",
        "https://auth.example.test",
        "nnn",
        false,
    ),
    ("example.test:443", "https://auth.example.test", "nyy", true),
    ("224.0.0.1:443", "https://224.0.0.1", "nyy", true),
    ("224.0.0.1:8443", "https://224.0.0.1", "nnn", false),
    ("[ff02::1]:443", "https://[ff02::1]", "nyy", true),
    // Addresses.
    ("ff02::1", "https://[ff02::1]", "yyy", true),
    ("[ff02::1]", "https://[ff02::1]", "yyy", true),
    ("224.0.0.0/4", "https://224.0.0.1", "yyy", true),
    ("224.0.0.0/4", "https://225.0.0.1", "yyy", true),
    ("224.0.0.0/8", "https://225.0.0.1", "nnn", false),
    // Subdomains.
    ("*.example.test", "https://auth.example.test", "nyy", true),
    ("*.example.test", "https://example.test", "nnn", false),
    (".example.test", "https://example.test", "yny", false),
    // Nobody knows other patterns.
    ("auth.*", "https://auth.example.test", "nnn", false),
    (
        "auth.example.test:https",
        "https://auth.example.test",
        "nnn",
        false,
    ),
    // Blanks without commas.
    (
        "other.test auth.example.test",
        "https://auth.example.test",
        "ynn",
        true,
    ),
    (
        "https://auth.example.test",
        "https://auth.example.test",
        "nnn",
        false,
    ),
];

#[test]
fn no_proxy_covers_what_it_covers_for_others_and_no_more() {
    for (no_proxy, server, _, bypassed) in TABLE {
        let proxies = Proxies {
            named: Some(("HTTPS_PROXY", "http://127.0.0.1:3128".to_owned())),
            bypassed: no_proxy.to_owned(),
        };
        let server: Url = server.parse().unwrap();
        assert_eq!(
            proxies.url_for(&server).is_none(),
            bypassed,
            "{no_proxy} for {server}"
        );
    }
}

#[ignore = "needs curl, Go and the Python SDK: run with --include-ignored"]
#[test]
fn the_table_says_what_others_do() {
    let python = env::var("AUTHGATE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("proxy.go");
    let go = folder.path().join("proxy");
    std::fs::write(&source, GO).unwrap();
    let built = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&go)
        .arg(&source)
        .status();
    assert!(built.unwrap().success());
    let proxy = recording_proxy();

    let run = |no_proxy: &str, command: &mut Command| {
        let ended = command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .env("HTTPS_PROXY", format!("http://{proxy}"))
            .env("NO_PROXY", no_proxy)
            .output()
            .unwrap();
        String::from_utf8(ended.stdout).unwrap()
    };

    let rows = TABLE.map(|(no_proxy, server, _, _)| format!("{no_proxy}|{server}"));
    let python = run("", Command::new(python).args(["-c", PYTHON]).args(rows));
    let mut wrong = Vec::new();
    for ((no_proxy, server, others, _), python) in TABLE.into_iter().zip(python.lines()) {
        let curl = run(
            no_proxy,
            Command::new("curl").args(["-sv", "--stderr", "-", "-m", "1", server]),
        );
        let go = run(no_proxy, Command::new(&go).arg(server));
        let seen: String = [
            !curl.contains("CONNECT tunnel"),
            go.contains("direct"),
            python.contains("direct"),
        ]
        .map(|bypassed| if bypassed { 'y' } else { 'n' })
        .into_iter()
        .collect();
        if seen != others {
            wrong.push(format!("{no_proxy} for {server}: {seen}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const GO: &str = r#"
package main

import ("fmt"; "net/http"; "os")

func main() {
	request, _ := http.NewRequest("GET", os.Args[1], nil)
	proxy, err := http.ProxyFromEnvironment(request)
	if proxy == nil && err == nil { fmt.Println("direct") } else { fmt.Println("proxy") }
}
"#;

/// For all rows at once, because Python takes a second to start.
const PYTHON: &str = "
import httpx, os, sys
for row in sys.argv[1:]:
    os.environ['NO_PROXY'], server = row.split('|')
    try:
        client = httpx.Client()
        direct = client._transport_for_url(httpx.URL(server)) is client._transport
    except Exception:
        direct = False # an entry that it does not understand ends the program
    print('direct' if direct else 'proxy')
";

/// Starts a proxy that refuses everything, and returns its address.
fn recording_proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            let _read = head.take_while(|line| !line.is_empty()).count();
            let _gone = std::io::Write::write_all(&mut stream, b"HTTP/1.1 403 No\r\n\r\n");
        }
    });
    address
}
