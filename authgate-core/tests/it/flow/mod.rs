//! The two ways to log in: what the browser, the prompt and the server see of them.

mod auth_code; // a login through the browser, from the URL to the page at the end
mod browser_detection; // whether and how a browser is opened
mod callback; // who comes to the callback address, and what is answered
mod device; // polling for a device code's token
mod device_authorization; // the request for a device code, and what is shown of the answer
mod redirect_uri; // which redirect URIs are taken
