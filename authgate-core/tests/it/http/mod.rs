//! Requests and answers in general.

mod compression; // answers that are compressed
mod discovery; // discovery documents that are accepted
mod discovery_refusals; // discovery documents that are refused
mod https; // failures before a connection is encrypted
mod loopback; // which machine `localhost` is
mod no_proxy; // which servers `NO_PROXY` covers
mod resources; // userinfo and tokeninfo
mod retries; // which requests are sent again, and when
mod text; // a server's strings, made safe to print
