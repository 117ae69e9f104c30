//! What every request shares: the facts that stay, and the memory that changes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde_json::Value;

use crate::{
    authorization::{AuthorizationCode, AuthorizationRequest},
    clock::Clock,
    device::DeviceCodes,
    fault::FaultPlan,
    hold::Held,
    identity::{Client, User},
    rate_limit::RateLimits,
    record::RecordedRequest,
    session::Sessions,
    settings::Settings,
    signing::SigningKey,
    tokens::Tokens,
};

pub(crate) struct AuthGate {
    /// The server's URL with its path, without a trailing slash.
    pub(crate) issuer: String,
    /// The path of the issuer: empty, or `/like/this`.
    pub(crate) prefix: String,
    pub(crate) confidential_client: Client,
    pub(crate) public_client: Client,
    pub(crate) user: User,
    pub(crate) signing_key: SigningKey,
    pub(crate) clock: Clock,
    pub(crate) started_at: SystemTime,
    memory: Mutex<Memory>,
}

/// Everything that a request may change. One lock for all of it: a grant checks, consumes and
/// issues in one step, as a database transaction would.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) settings: Settings,
    /// Members of the discovery document that a test has set, or removed with `None`.
    pub(crate) discovery_changes: BTreeMap<String, Option<Value>>,
    /// Redirect URIs registered after the start, for both clients.
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) tokens: Tokens,
    pub(crate) authorization_codes: HashMap<String, AuthorizationCode>,
    pub(crate) device_codes: DeviceCodes,
    pub(crate) sessions: Sessions,
    /// Requests whose consent page is open, by the random number in its form.
    pub(crate) open_consents: HashMap<String, AuthorizationRequest>,
    /// The scopes that the user has allowed each client.
    pub(crate) consents: HashMap<String, BTreeSet<String>>,
    pub(crate) rate_limits: RateLimits,
    pub(crate) faults: FaultPlan,
    pub(crate) holds: Vec<Arc<Held>>,
    pub(crate) requests: Vec<RecordedRequest>,
    /// Counts those too that were forgotten.
    pub(crate) requests_so_far: usize,
    pub(crate) connections: usize,
}

impl AuthGate {
    pub(crate) fn new(
        issuer: String,
        prefix: String,
        clients: (Client, Client),
        signing_key: SigningKey,
        settings: Settings,
    ) -> Self {
        let clock = Clock::new();
        Self {
            issuer,
            prefix,
            confidential_client: clients.0,
            public_client: clients.1,
            user: User::jane(),
            signing_key,
            started_at: clock.now(),
            clock,
            memory: Mutex::new(Memory { settings, ..Memory::default() }),
        }
    }

    /// The memory, locked. A panic elsewhere while it was locked ends one request, not the server.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        [&self.confidential_client, &self.public_client].into_iter().find(|client| client.id == id)
    }
}

impl Memory {
    /// Whether this client may use this grant now.
    pub(crate) fn allows(&self, client: &Client, grant_type: &str) -> bool {
        let disabled = &self.settings.disabled_grant_types;
        client.may_use(grant_type) && !disabled.iter().any(|name| name == grant_type)
    }
}
