//! The floor for `rust-m2m`: its three requests over plain http, written by hand on one socket. It
//! has no check, no limit and no useful error, so it takes only what the machine and the server
//! take.

use std::env::var;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

fn main() -> Result<()> {
    let url = var("AUTHGATE_URL")?;
    let host = url.strip_prefix("http://").context("plain http only")?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);

    let discovery =
        format!("GET /.well-known/openid-configuration HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let document = exchange(&mut stream, &mut answers, &discovery)?;
    let token_endpoint = member(&document, "token_endpoint").context("no token endpoint")?;
    let path = token_endpoint.strip_prefix(&url).context("another host")?;

    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=profile+email",
        var("CLIENT_ID")?,
        var("CLIENT_SECRET")?
    );
    let length = form.len();
    let token = exchange(
        &mut stream,
        &mut answers,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\n\r\n{form}"
        ),
    )?;
    let access_token = member(&token, "access_token").context("no access token")?;

    let userinfo = format!(
        "GET /oauth/userinfo HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {access_token}\r\n\r\n"
    );
    let body = exchange(&mut stream, &mut answers, &userinfo)?;
    println!("Status: 200\nBody: {body}");
    Ok(())
}

/// Sends a request and returns the body of its answer, which must be a 200 with a length.
fn exchange(
    stream: &mut TcpStream,
    answers: &mut BufReader<TcpStream>,
    request: &str,
) -> Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    answers.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "{line}");
    let mut length = 0;
    loop {
        line.clear();
        answers.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse()?;
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    Ok(String::from_utf8(body)?)
}

/// Returns the text of a member of a JSON object, without decoding escapes.
fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split_once('"')?.0)
}
