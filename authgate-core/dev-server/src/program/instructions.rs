//! The help, and what to do once the server runs.

use std::path::Path;

use authgate_dev_server::DevServer;

pub(crate) const HELP: &str = "\
An in-memory AuthGate (OAuth 2.0 / OpenID Connect) server on loopback, for trying clients out.

Usage: authgate-dev-server [OPTIONS]
       authgate-dev-server [OPTIONS] [--] COMMAND...

Without COMMAND it serves on 127.0.0.1:8080, says what to set, and runs until Ctrl-C.

With COMMAND it takes a free port and runs COMMAND with AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET,
TOKEN_URL and PROTECTED_API_URL set, and API_URL empty unless it is exported. It ends with COMMAND
and returns its exit status (128 plus the signal when a signal ended it, 127 when COMMAND was not
found, 126 when it could not be started):

    cargo run -p authgate-dev-server -- cargo run -p rust-m2m

Options, before COMMAND:
  --port N                   listen on this port
  --host ADDRESS             listen on this loopback address (127.0.0.1)
  --access-token-lifetime S  access tokens live S seconds (3600)
  --interval S               devices may ask every S seconds (5)
  --rotate-refresh-tokens    each refresh returns a new refresh token; an old one ends the login
  --rate-limits              limit requests per minute as AuthGate does: token 20, device code 10,
                             introspection 20, login 5
  --user-not-found           userinfo answers 401 \"User not found\" to a machine's token, as
                             AuthGate does today
  --tls CA_FILE              serve https; the certificate of the authority to trust is written to
                             CA_FILE, which COMMAND finds in SSL_CERT_FILE and trusts alone, so
                             that it can download nothing (only in a build with --features tls)
  -h, --help                 show this

Clients: dev-service (secret dev-service-secret, all grants) and dev-cli (public). User: jane /
password. Redirect URIs: http://127.0.0.1:8088/callback and http://localhost:8888/callback.
Everything is in memory and gone when the server ends.

A device can be approved, or denied, without a browser:
  curl -d user_code=XXXX-XXXX URL/dev/device/approve
  curl -d user_code=XXXX-XXXX URL/dev/device/deny

How many connections there were, and how many requests to each path (this one among them):
  curl URL/dev/requests
";

/// The commands to copy once the server runs.
pub(crate) fn for_people(server: &DevServer, authority_file: Option<&Path>) -> String {
    let service = server.confidential_client();
    let user = server.user();
    let trust = authority_file.map_or_else(String::new, |file| {
        let quoted = file.display().to_string().replace('\'', r"'\''");
        format!("\nFor both, and for curl:\n\nexport SSL_CERT_FILE='{quoted}'\n")
    });
    format!(
        "\
AuthGate development server on {url} (in memory, until Ctrl-C)

For rust-m2m, or any service:

export AUTHGATE_URL={url}
export CLIENT_ID={service_id}
export CLIENT_SECRET={service_secret}
export API_URL=

The tutorials ask for these in place of AUTHGATE_URL:

export TOKEN_URL={url}/oauth/token
export PROTECTED_API_URL={url}/oauth/userinfo

For rust-cli, or any program that people log in to:

export AUTHGATE_URL={url}
export CLIENT_ID={public_id}
export CLIENT_SECRET=
{trust}
Sign in as {username} / {password}. Or approve a device without a browser, or deny it:

curl -d user_code=XXXX-XXXX {url}/dev/device/approve
curl -d user_code=XXXX-XXXX {url}/dev/device/deny
",
        url = server.url(),
        service_id = service.id,
        service_secret = service.secret.as_deref().unwrap_or_default(),
        public_id = server.public_client().id,
        username = user.username,
        password = user.password,
    )
}
