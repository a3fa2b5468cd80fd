//! PostgreSQL's URLs, as they are usually written.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use super::connect_error::ConnectError;

/// A URL that the driver understands as it is meant.
pub struct PostgresUrl {
    /// The URL.
    pub text: String,
    /// What it says.
    pub options: PgConnectOptions,
}

impl PostgresUrl {
    /// Parses a URL. Refuses what libpq understands and the driver would ignore.
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = url.split_once("://").ok_or(ConnectError::UrlMalformed)?;
        if !["postgres", "postgresql"].contains(&scheme) {
            return Err(ConnectError::UrlMalformed);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (format!("{user}@"), host),
            None => (String::new(), authority),
        };
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let parameter = |wanted| {
            let parameters = form_urlencoded::parse(query.as_bytes());
            parameters
                .filter(|(name, _)| name == wanted)
                .map(|(_, value)| value)
                .last()
        };
        if host.contains(',') || parameter("host").is_some_and(|hosts| hosts.contains(',')) {
            return Err(ConnectError::UrlUnsupported(
                "names several hosts: give the address of a proxy that leads to the one that takes writes",
            ));
        }
        if parameter("target_session_attrs").is_some() {
            return Err(ConnectError::UrlUnsupported(
                "has target_session_attrs: leave it out; the service writes to no server that is read-only",
            ));
        }
        // The place of a socket comes as a parameter, and no URL may have a user without a host.
        let place = match host.is_empty() || host.starts_with(':') {
            true if !user.is_empty() => "localhost",
            _ => "",
        };
        let text = format!("{scheme}://{user}{place}{host}{path}");
        let options = PgConnectOptions::from_str(&text).map_err(|_| ConnectError::UrlMalformed)?;
        Ok(Self { text, options })
    }
}
