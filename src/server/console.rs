//! The console: a page that shows people what is stored, and the calls that it makes, each with the key of the person.

use std::net::{IpAddr, SocketAddr};

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
        uri::Authority,
    },
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{
    admin::{TEXT, response},
    transcoding::Transcoder,
};
use crate::{rpc::call::CallPermit, settings::ServeSettings};

/// The calls that the page makes. None changes anything, whatever the key may do.
const CALLS: [&str; 8] = [
    "/contactlists.v1.ChannelService/ListChannels",
    "/contactlists.v1.CommunicationPreferenceService/ListPreferenceChanges",
    "/contactlists.v1.ContactListService/GetContactList",
    "/contactlists.v1.ContactListService/GetContactListUpdate",
    "/contactlists.v1.ContactListService/ListContactListUpdates",
    "/contactlists.v1.ContactListService/ListContactLists",
    "/contactlists.v1.ContactService/GetContact",
    "/contactlists.v1.CustomObjectService/GetCustomObject",
];

/// A file of the console: its path, its type and its text.
type File = (&'static str, &'static str, &'static str);

macro_rules! files {
    ($($path:literal: $content_type:literal = $file:literal),+ $(,)?) => {
        &[$(($path, $content_type, include_str!(concat!("console/", $file)))),+]
    };
}

const FILES: &[File] = files![
    "/console": "text/html; charset=utf-8" = "index.html",
    "/console/": "text/html; charset=utf-8" = "index.html",
    "/console/style.css": "text/css; charset=utf-8" = "style.css",
    "/console/icon.svg": "image/svg+xml" = "icon.svg",
    "/console/main.js": "text/javascript; charset=utf-8" = "main.js",
    "/console/calls.js": "text/javascript; charset=utf-8" = "calls.js",
    "/console/elements.js": "text/javascript; charset=utf-8" = "elements.js",
    "/console/lists.js": "text/javascript; charset=utf-8" = "lists.js",
    "/console/updates.js": "text/javascript; charset=utf-8" = "updates.js",
    "/console/contacts.js": "text/javascript; charset=utf-8" = "contacts.js",
];

/// What browsers may do with what is served: run its own files, and call its own port. No text can become markup or script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The console.
pub struct Console {
    calls: Transcoder,
    access: Access,
}

/// Who may use it.
struct Access {
    /// The host of the address for operators.
    host: String,
    /// Whether keys may cross a network in plain text.
    plaintext: bool,
}

impl Console {
    /// A console that makes its calls by `calls`, unless it is turned off.
    pub fn new(settings: &ServeSettings, calls: &Transcoder) -> Option<Self> {
        let address = settings.admin_listen.0.as_ref();
        let address = address.filter(|_| settings.console)?;
        Some(Self {
            calls: calls.clone(),
            access: Access {
                host: address.host().to_owned(),
                plaintext: settings.plaintext,
            },
        })
    }

    /// Returns whether the request is for a file or a call of the console.
    pub fn has(&self, request: &Request<Incoming>) -> bool {
        let path = request.uri().path();
        match *request.method() {
            Method::GET | Method::HEAD => file(path).is_some(),
            Method::POST => CALLS.contains(&path),
            _ => false,
        }
    }

    /// Returns the file, or makes the call.
    pub async fn response(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let mut response = match self.access.check(request.method(), request.headers(), peer) {
            Err(problem) => response(StatusCode::FORBIDDEN, TEXT, format!("{problem}\n")),
            Ok(()) => match file(request.uri().path()) {
                Some((_, content_type, text)) => response(
                    StatusCode::OK,
                    HeaderValue::from_static(content_type),
                    *text,
                ),
                None => self.call(request).await,
            },
        };
        for (name, value) in HEADERS {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }

    async fn call(&self, request: Request<Incoming>) -> Response {
        let Ok(mut response) = self.calls.call(request).await;
        let permit: Option<CallPermit> = response.extensions_mut().remove();
        // Held until the browser has taken the body.
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _ = &permit;
                frame
            }))
        })
    }
}

impl Access {
    /// Refuses what is not of the page itself, in a browser at an address that is the server's own.
    fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<(), &'static str> {
        if !self.plaintext && !peer.ip().to_canonical().is_loopback() {
            return Err(
                "the console is for connections from loopback, as keys are sent in plain text; --plaintext allows all",
            );
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.filter(|host| self.is_own_host(host));
        let host = host.ok_or("use localhost, an IP address or the host of --admin-listen")?;
        if method == Method::POST && !is_same_origin(headers, host) {
            return Err("only the console's own page can make this call");
        }
        Ok(())
    }

    /// Returns whether a browser that names `host` is at this server. Any other name could be one of an attacker, pointed at
    /// this address once its page is loaded; an IP address can't be.
    fn is_own_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host();
        let without_brackets = name.trim_start_matches('[').trim_end_matches(']');
        without_brackets.parse::<IpAddr>().is_ok()
            || [&self.host, "localhost"]
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own))
    }
}

fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|(own, ..)| *own == path)
}

/// Returns whether a browser says that a page of `host` itself makes the call, or something that is no browser makes it.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let is_own = |origin| {
        ["http://", "https://"]
            .iter()
            .any(|scheme| origin == [scheme, host].concat().as_bytes())
    };
    let site = headers.get("sec-fetch-site");
    origin.is_none_or(is_own) && site.is_none_or(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_cross_a_network_in_plain_text_unless_it_may() {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost:9464"))]);
        let is_served = |plaintext, peer: &str| {
            let host = "0.0.0.0".to_owned();
            let access = Access { host, plaintext };
            let peer = peer.parse().expect("an address");
            access.check(&Method::GET, &headers, peer).is_ok()
        };
        for loopback in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_served(false, loopback), "{loopback}");
        }
        for other in ["192.0.2.7:1", "[2001:db8::1]:1"] {
            assert!(!is_served(false, other), "{other}");
            assert!(is_served(true, other), "{other}");
        }
    }
}
