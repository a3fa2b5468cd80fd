//! The address to listen on.

use std::{fmt, io, net::SocketAddr, str::FromStr};

use tokio::net::lookup_host;

/// An IP address or a host name, with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(String);

impl ListenAddress {
    /// Returns the IP address, in brackets if it is one of IPv6, or the host name.
    pub fn host(&self) -> &str {
        self.0.rsplit_once(':').map_or(&*self.0, |(host, _)| host)
    }

    /// Returns the addresses that it stands for, those of IPv4 first. Fails if it is a name that no one knows.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses: Vec<SocketAddr> = lookup_host(&self.0).await?.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        Ok(addresses)
    }
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = text.rsplit_once(':').is_some_and(|(host, port)| {
            let is_name = !host.is_empty() && !host.contains([':', '[', ']', '/', ' ']);
            port.parse::<u16>().is_ok() && is_name
        });
        if !is_valid && text.parse::<SocketAddr>().is_err() {
            return Err("it is not a host with a port, such as 127.0.0.1:50051 or localhost:50051");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An address to listen on, or none.
#[derive(Debug, Clone)]
pub struct OptionalAddress(pub Option<ListenAddress>);

impl FromStr for OptionalAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let given = (!text.is_empty()).then_some(text);
        given.map(str::parse).transpose().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_port() {
        for good in [
            "127.0.0.1:0",
            "[::1]:50051",
            "localhost:50051",
            "db.example.com:1",
        ] {
            assert_eq!(good.parse::<ListenAddress>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "nowhere",
            ":50051",
            "::1:50051",
            "localhost:",
            "localhost:65536",
            "http://localhost:1",
        ] {
            bad.parse::<ListenAddress>().expect_err(bad);
        }
    }

    #[tokio::test]
    async fn a_name_stands_for_its_addresses_those_of_ipv4_first() {
        let localhost: ListenAddress = "localhost:50051".parse().unwrap();
        let addresses = localhost.resolve().await.unwrap();
        assert_eq!(addresses[0], "127.0.0.1:50051".parse().unwrap());
    }
}
