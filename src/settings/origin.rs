//! The origins whose pages may make calls.

use std::str::FromStr;

/// The origin of a page, such as "https://app.example", or "*" for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Returns the origin as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it stands for all origins.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| {
            let mut bytes = host.bytes();
            !host.is_empty() && bytes.all(|byte| byte.is_ascii_graphic() && byte != b'/')
        };
        if text == "*" || host.is_some_and(is_host) {
            return Ok(Self(text.to_owned()));
        }
        Err("an origin is a scheme, a host and perhaps a port, such as https://app.example, or *")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_and_a_host() {
        for text in ["*", "https://app.example", "http://localhost:5173"] {
            assert_eq!(text.parse().as_ref().map(Origin::as_str), Ok(text));
        }
        for text in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://a b",
            "ftp://a",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
