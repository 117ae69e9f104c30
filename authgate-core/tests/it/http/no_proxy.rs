//! The servers that `NO_PROXY` covers, for us and for others.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use authgate_core::reqwest::Url;
use authgate_core::test_util::no_proxy_covers;

/// `NO_PROXY`, a server, whether `curl` 7.88, Go 1.26 and the Python SDK (httpx 0.28) bypass the
/// proxy (`y`, `n`), and whether we do.
const TABLE: [(&str, &str, &str, bool); 35] = [
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
    // `curl` knows no port, and Python only one that the URL gives.
    (
        "auth.example.test:443",
        "https://auth.example.test",
        "nyn",
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
    ("example.test:443", "https://auth.example.test", "nyn", true),
    ("224.0.0.1:443", "https://224.0.0.1", "nyn", true),
    ("224.0.0.1:8443", "https://224.0.0.1", "nnn", false),
    ("[ff02::1]:443", "https://[ff02::1]", "nyn", true),
    // Addresses.
    ("ff02::1", "https://[ff02::1]", "yyy", true),
    ("[ff02::1]", "https://[ff02::1]", "nnn", false),
    ("224.0.0.0/4", "https://224.0.0.1", "yyn", true),
    ("224.0.0.0/4", "https://225.0.0.1", "yyn", true),
    ("224.0.0.0/8", "https://225.0.0.1", "nnn", false),
    // Subdomains.
    ("*.example.test", "https://auth.example.test", "nyn", true),
    ("*.example.test", "https://example.test", "nnn", false),
    (".example.test", "https://example.test", "ynn", false),
    (".EXAMPLE.test", "https://example.test", "ynn", false),
    ("*.EXAMPLE.test", "https://example.test", "nnn", false),
    // No tool knows other patterns.
    ("auth.*", "https://auth.example.test", "nnn", false),
    ("*:443", "https://auth.example.test", "nnn", false),
    (
        "auth.example.test:https",
        "https://auth.example.test",
        "nnn",
        false,
    ),
    // Only `curl` takes blanks without commas, and only Python a scheme.
    (
        "other.test auth.example.test",
        "https://auth.example.test",
        "ynn",
        true,
    ),
    (
        "https://auth.example.test",
        "https://auth.example.test",
        "nny",
        false,
    ),
];

#[test]
fn no_proxy_covers_what_it_covers_for_others_and_no_more() {
    for (no_proxy, server, _, bypassed) in TABLE {
        let server: Url = server.parse().unwrap();
        assert_eq!(
            no_proxy_covers(no_proxy, &server),
            bypassed,
            "{no_proxy} for {server}"
        );
    }
}

#[ignore = "runs curl, Go and the Python SDK where they are installed: run with --include-ignored"]
#[test]
fn the_table_says_what_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let [source, go] = ["proxy.go", "proxy"].map(|name| folder.path().join(name));
    std::fs::write(&source, GO).unwrap();
    let _not_installed = Command::new("go")
        .args(["build", "-o"])
        .args([&go, &source])
        .status();
    let python = env::var("AUTHGATE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let rows = TABLE.map(|(no_proxy, server, _, _)| format!("{no_proxy}|{server}"));
    let proxy = refusing_proxy();
    // Returns nothing if the program is not installed.
    let run = |command: &mut Command, no_proxy: &str| -> Option<String> {
        let ended = command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .env("HTTPS_PROXY", format!("http://{proxy}"))
            .env("NO_PROXY", no_proxy)
            .output()
            .ok()?;
        let said = String::from_utf8(ended.stdout).unwrap();
        (!said.is_empty()).then_some(said)
    };

    let python = run(Command::new(python).args(["-c", PYTHON]).args(rows), "");
    let mut python = python.iter().flat_map(|said| said.lines());
    let mut wrong = Vec::new();
    for (no_proxy, server, others, _) in TABLE {
        let mut curl = Command::new("curl");
        let curl = run(
            curl.args(["-sv", "--stderr", "-", "-m", "1", server]),
            no_proxy,
        );
        let go = run(Command::new(&go).arg(server), no_proxy);
        let seen = [
            curl.map(|said| !said.contains("CONNECT tunnel")),
            go.map(|said| said.contains("direct")),
            python.next().map(|said| said == "direct"),
        ];
        for (expected, seen) in others.chars().zip(seen) {
            if seen.is_some_and(|bypassed| bypassed != (expected == 'y')) {
                wrong.push(format!(
                    "{no_proxy} for {server}: not {others}, but {seen:?}"
                ));
            }
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
fn refusing_proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            let _read = head.take_while(|line| !line.is_empty()).count();
            let _gone = stream.write_all(b"HTTP/1.1 403 No\r\n\r\n");
        }
    });
    address
}
