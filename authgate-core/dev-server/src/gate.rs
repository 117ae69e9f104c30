//! The state that all requests share: constants, and the memory that requests change. Each
//! submodule is one kind of decision.

mod authorization;
mod bearer;
mod claims;
pub(crate) mod client_authentication;
mod issue;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde_json::Value;

use crate::{
    authorization_request::{AuthorizationCode, AuthorizationRequest},
    clock::Clock,
    device::DeviceCodes,
    endpoint::Endpoint,
    fault::FaultPlan,
    hold::Barrier,
    host::AllowedHosts,
    identity::{Client, User},
    rate_limits::RateLimits,
    record::RequestLog,
    sessions::Sessions,
    settings::Settings,
    signing::SigningKey,
    tokens::Tokens,
};

pub(crate) struct AuthGate {
    /// The server's URL with its path, without a trailing slash.
    pub(crate) issuer: String,
    /// The path of the issuer: empty, or `/like/this`.
    pub(crate) prefix: String,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) confidential_client: Client,
    pub(crate) public_client: Client,
    pub(crate) user: User,
    pub(crate) clock: Clock,
    signing_key: SigningKey,
    started_at: SystemTime,
    memory: Mutex<Memory>,
}

/// Everything that a request can change. It has one lock, so that a grant checks, consumes and issues in one
/// step, like a database transaction.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) settings: Settings,
    /// The members of the discovery document that a test has set.
    pub(crate) discovery_members: BTreeMap<String, Value>,
    /// Redirect URIs that were registered after the start, for both clients.
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) tokens: Tokens,
    pub(crate) authorization_codes: HashMap<String, AuthorizationCode>,
    pub(crate) device_codes: DeviceCodes,
    pub(crate) sessions: Sessions,
    /// Requests whose consent page is open, by the random number in its form.
    pub(crate) open_consents: HashMap<String, AuthorizationRequest>,
    /// The scopes that the person has granted to each client.
    pub(crate) consents: HashMap<String, BTreeSet<String>>,
    pub(crate) rate_limits: RateLimits,
    pub(crate) faults: FaultPlan,
    pub(crate) barriers: Vec<Arc<Barrier>>,
    pub(crate) requests: RequestLog,
    pub(crate) connections: usize,
}

impl AuthGate {
    pub(crate) fn new(
        issuer: String,
        prefix: String,
        allowed_hosts: AllowedHosts,
        confidential_client: Client,
        signing_key: SigningKey,
        settings: Settings,
    ) -> Self {
        let clock = Clock::new();
        Self {
            issuer,
            prefix,
            allowed_hosts,
            confidential_client,
            public_client: Client::public("dev-cli"),
            user: User::jane(),
            signing_key,
            started_at: clock.now(),
            clock,
            memory: Mutex::new(Memory {
                settings,
                ..Memory::default()
            }),
        }
    }

    /// Locks the memory. If another request has panicked while it held the lock, this one goes on.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        [&self.confidential_client, &self.public_client]
            .into_iter()
            .find(|client| client.id == id)
    }

    /// Returns the path of an endpoint, with the issuer's path.
    pub(crate) fn path(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.prefix, endpoint.path())
    }

    /// Returns the URL of an endpoint.
    pub(crate) fn url(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer, endpoint.path())
    }
}

impl Memory {
    /// Returns whether this client may use this grant now.
    pub(crate) fn allows(&self, client: &Client, grant_type: &str) -> bool {
        let disabled = &self.settings.disabled_grant_types;
        client.may_use(grant_type) && !disabled.iter().any(|name| name == grant_type)
    }
}
