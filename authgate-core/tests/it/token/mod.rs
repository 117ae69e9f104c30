//! Access tokens: how they are fetched, cached and sent.

mod bearer_auth; // calls that carry a token
mod clocks; // clocks that are wrong, jump or panic
mod connections; // connections that the server closes, or that another runtime has opened
mod endpoint; // requests to the token endpoint, and answers that contain tokens
mod other_servers; // answers that AuthGate does not give
mod outage; // a server that is down for longer than a token's lifetime
mod refusals; // answers that contain no token
mod secret; // how secrets and tokens are shown
mod source; // a valid token at any time
mod source_trouble; // the same when the server fails or limits requests
