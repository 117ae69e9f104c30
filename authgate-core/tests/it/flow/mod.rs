//! The browser flow and the device flow, as the browser, the prompt and the server see them.

mod auth_code; // a login through the browser, from the URL to the page at the end
mod browser_detection; // whether and how a browser is opened
mod callback; // requests to the redirect URI, and the pages that answer them
mod device; // polling for a device code's token
mod device_authorization; // the request for a device code, and what is shown of its response
mod extra_parameters; // parameters that a program adds to each request
mod redirect_uri; // which redirect URIs are accepted
