//! Requests and answers, whatever they are about.

mod discovery; // the discovery document, as it should be
mod discovery_refusals; // and as it should not be
mod https; // what fails before a connection is encrypted
mod loopback; // which machine `localhost` is
mod resources; // userinfo and tokeninfo
mod retries; // what is sent again, and when
mod text; // a server's strings, made safe to print
