//! Variables, `.env`, and the rule for URLs.

mod environment; // the environment and `.env`
mod url_rule; // which URLs a secret may go to
