//! How many connections there may be, in all and from one address.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{keyed_semaphore::KeyedSemaphore, settings::ServeSettings};

/// How many descriptors a connection to the database can take: on SQLite a file, its log and the log's index.
const DESCRIPTORS_PER_DATABASE_CONNECTION: u64 = 3;

/// How many descriptors a call can take for temporary files.
const DESCRIPTORS_PER_CALL: u64 = 3;

/// How many descriptors everything else takes: the listener, the log and the runtime.
const OTHER_DESCRIPTORS: u64 = 64;

/// The limits of connections.
pub struct ConnectionLimits {
    all: Arc<Semaphore>,
    by_address: KeyedSemaphore<IpAddr>,
}

/// A connection's place within the limits.
pub struct ConnectionPermit {
    _in_all: OwnedSemaphorePermit,
    _of_address: Option<OwnedSemaphorePermit>,
}

impl ConnectionLimits {
    /// The limits in `settings`, lowered to what the process has descriptors for.
    pub fn new(settings: &ServeSettings) -> Self {
        let wanted = settings.max_client_connections as usize;
        let all = wanted.min(affordable(settings));
        if all < wanted {
            tracing::warn!(wanted, limit = all, "connection.limit_lowered");
        }
        let by_address = settings
            .max_client_connections_per_address
            .map_or(all.div_ceil(2), |limit| limit as usize);
        Self {
            all: Arc::new(Semaphore::new(all)),
            by_address: KeyedSemaphore::new(by_address),
        }
    }

    /// Returns a place for a connection from `address`, if there is one.
    pub fn try_acquire(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let in_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let of_address = match client_of(address) {
            Some(client) => Some(self.by_address.try_acquire(client)?),
            None => None,
        };
        Some(ConnectionPermit {
            _in_all: in_all,
            _of_address: of_address,
        })
    }
}

/// Returns the address that a client is counted by. An IPv6 network of the smallest size counts as one client. `None` for
/// loopback, where a proxy connects from for all clients.
fn client_of(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Some(Ipv6Addr::from_bits(network).into())
        }
        address => Some(address),
    }
}

/// Raises the process's limit of descriptors to the highest that the system allows.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "connection.descriptor_limit_kept");
    }
}

/// Returns how many connections the process has descriptors for, besides everything else: at least a quarter of all.
fn affordable(settings: &ServeSettings) -> usize {
    let Some(descriptors) = getrlimit(Resource::Nofile).current else {
        return Semaphore::MAX_PERMITS;
    };
    let others = OTHER_DESCRIPTORS
        + DESCRIPTORS_PER_DATABASE_CONNECTION * u64::from(settings.database.max_connections)
        + DESCRIPTORS_PER_CALL * u64::from(settings.max_calls);
    let affordable = descriptors.saturating_sub(others).max(descriptors / 4);
    usize::try_from(affordable).map_or(Semaphore::MAX_PERMITS, |it| it.min(Semaphore::MAX_PERMITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Option<String> {
        client_of(address.parse().unwrap()).map(|client| client.to_string())
    }

    #[test]
    fn a_client_is_an_address_or_an_ipv6_network() {
        assert_eq!(client("192.0.2.1").unwrap(), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1").unwrap(), "192.0.2.1");
        assert_eq!(client("2001:db8::1").unwrap(), "2001:db8::");
        assert_eq!(client("2001:db8::ffff:2"), client("2001:db8::1"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8::1"));
    }

    #[test]
    fn loopback_is_no_client() {
        assert_eq!(client("127.0.0.1"), None);
        assert_eq!(client("::1"), None);
        assert_eq!(client("::ffff:127.0.0.1"), None);
    }
}
