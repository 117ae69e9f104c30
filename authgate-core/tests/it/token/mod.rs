//! Access tokens: how they are fetched, kept and sent.

mod bearer_auth; // calls that carry a token
mod clocks; // clocks that are wrong, jump or panic
mod endpoint; // requests to the token endpoint, and answers that are tokens
mod outage; // a server that is down for longer than a token lives
mod refusals; // answers that are no tokens
mod secret; // what is shown of secrets and tokens
mod source; // a valid token at any time
mod source_trouble; // and when the server fails or limits how often it is asked
