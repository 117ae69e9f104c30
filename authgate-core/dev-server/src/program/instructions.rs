//! The help, and the instructions for a running server.

use std::path::Path;

use authgate_dev_server::DevServer;

pub(crate) const HELP: &str = "\
An in-memory AuthGate (OAuth 2.0 / OpenID Connect) server on loopback, to try clients out.

Usage: authgate-dev-server [OPTIONS]
       authgate-dev-server [OPTIONS] [--] COMMAND...

Without COMMAND it serves on 127.0.0.1:8080, prints the variables to set, and runs until Ctrl-C.

With COMMAND it takes that port, or a free one if it is in use, and runs COMMAND with AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET,
TOKEN_URL and PROTECTED_API_URL set, and API_URL empty unless it is exported. It ends when COMMAND
ends, and returns its exit status (128 plus the signal if a signal ended it, 127 if COMMAND was not
found, 126 if it could not be started):

    cargo run -p authgate-dev-server -- cargo run -p rust-m2m

Options, before COMMAND:
  --port N                   listen on this port
  --host ADDRESS             listen on this loopback address (127.0.0.1)
  --access-token-lifetime S  access tokens expire after S seconds (3600)
  --interval S               the polling interval of the device flow (5)
  --rotate-refresh-tokens    each refresh returns a new refresh token; an old one ends the login
  --rate-limits              limit requests per minute as AuthGate does: token 20, device code 10,
                             introspection 20, login 5
  --user-not-found           userinfo answers 401 \"User not found\" to a machine's token, as
                             AuthGate does today
  --error-pages              a wrong client or redirect URI at /oauth/authorize gets an error page, as
                             RFC 6749 requires; AuthGate sends the browser to that URI all the same
  --tls CA_FILE              serve https; write the certificate of the authority to trust to CA_FILE
                             and name it in COMMAND's SSL_CERT_FILE. COMMAND trusts only this
                             authority, so it cannot download anything (only in a build with
                             --features tls)
  -h, --help                 show this

Clients: dev-service (secret dev-service-secret, all grants) and dev-cli (public). User: jane /
password. Redirect URIs: http://127.0.0.1:8088/callback and http://localhost:8888/callback.
All data are in memory and lost when the server ends.

To approve or deny a device without a browser:
  curl -d user_code=XXXX-XXXX URL/dev/device/approve
  curl -d user_code=XXXX-XXXX URL/dev/device/deny

To count the connections, and the last 10,000 requests by path (this one included):
  curl URL/dev/requests
";

/// Returns the commands that a person copies when the server runs.
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

For the examples without discovery, in place of AUTHGATE_URL:

export TOKEN_URL={url}/oauth/token
export PROTECTED_API_URL={url}/oauth/userinfo

For rust-cli, or any program that people log in to:

export AUTHGATE_URL={url}
export CLIENT_ID={public_id}
export CLIENT_SECRET=
{trust}
Log in as {username} / {password}. Or approve or deny a device without a browser:

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
