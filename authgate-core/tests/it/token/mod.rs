//! Access tokens: how they are fetched, kept and sent.

mod bearer_auth; // calls that carry a token
mod clocks; // when a token counts as expired
mod endpoint; // the token endpoint's requests and answers
mod fleet; // many processes that refresh spread out
mod outage; // a token endpoint that is down
mod refusals; // answers that are not taken for a token
mod secret; // the type that does not print itself
mod source; // a token at any time
mod source_trouble; // and when something goes wrong
