//! Requests and answers, whatever they are about.

mod discovery; // the discovery document, as it should be
mod discovery_refusals; // and as it should not be
mod https; // certificates and authorities
mod resources; // userinfo, tokeninfo and introspection
mod retries; // what is sent again, and when
mod text; // a server's strings, made safe to print
