//! HTTP, as operators and callers that don't speak gRPC use it.

use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, ToSocketAddrs},
};
use tonic::codegen::http::{HeaderMap, Request, Version, header::AUTHORIZATION};

use super::Service;

/// Asks for a path, and returns the status and the body.
pub async fn http_get(address: impl ToSocketAddrs, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("a sent request");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("a response");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

/// Sends a request on a connection of its own.
pub async fn http_send(
    address: impl ToSocketAddrs,
    version: Version,
    mut request: Request<Full<Bytes>>,
) -> HttpResponse {
    let stream = TcpStream::connect(address).await.expect("a server");
    let stream = TokioIo::new(stream);
    let response = if version == Version::HTTP_2 {
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream)
            .await
            .expect("HTTP/2");
        tokio::spawn(connection);
        request.headers_mut().remove("host");
        client.send_request(request).await
    } else {
        let path = request.uri().path_and_query().expect("a path");
        *request.uri_mut() = path.as_str().parse().expect("a path");
        let (mut client, connection) = http1::handshake(stream).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        client.send_request(request).await
    };
    let (head, mut body) = response.expect("a response").into_parts();
    let (mut bytes, mut is_whole) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => bytes.extend(data),
            Ok(Err(_trailers)) => {}
            Err(_) => is_whole = false,
        }
    }
    HttpResponse {
        status: head.status.as_u16(),
        headers: head.headers,
        body: bytes.into(),
        is_whole,
    }
}

/// The value of a metric with exactly these labels, as in `contact_lists_calls_total{method="…"}`, if it is in what was scraped.
pub fn metric(scraped: &str, name_and_labels: &str) -> Option<f64> {
    let value = scraped
        .lines()
        .find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' '))?;
    Some(value.parse().expect("a number"))
}

/// A response to a request of HTTP, read to its end.
#[derive(Debug)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the body ended as it should.
    pub is_whole: bool,
}

impl HttpResponse {
    /// The body, as JSON.
    pub fn json(&self) -> serde_json::Value {
        let json = serde_json::from_slice(&self.body);
        json.unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The lines of the body, each as JSON.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let lines = self.body.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
            .collect()
    }

    /// The reason of an error, from its details.
    pub fn reason(&self) -> String {
        let json = self.json();
        let details = json["details"].as_array().expect("an error with details");
        let info = details
            .iter()
            .find(|detail| detail["type"] == "google.rpc.ErrorInfo");
        let info = info.expect("a reason");
        info["debug"]["reason"]
            .as_str()
            .expect("a reason")
            .to_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Service {
    /// Begins a request with the admin key.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address()))
            .header("host", self.address().to_string())
            .header(
                AUTHORIZATION,
                format!("Bearer {}", self.organization.admin_key),
            );
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let body = Full::new(body.into());
        request.body(body).expect("a request")
    }

    /// The head of a request over HTTP/1.1 with the admin key and JSON, up to where further headers go.
    pub fn head(&self, method: &str, path: &str) -> String {
        let key = &self.organization.admin_key;
        format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\nauthorization: Bearer {key}\r\n"
        )
    }

    /// Sends a request on a connection of its own.
    pub async fn send_over(&self, version: Version, request: Request<Full<Bytes>>) -> HttpResponse {
        http_send(self.address(), version, request).await
    }

    /// Sends JSON over HTTP/1.1.
    pub async fn send_json(
        &self,
        method: &str,
        path: &str,
        json: serde_json::Value,
    ) -> HttpResponse {
        let request = self.request(method, path, "application/json", json.to_string());
        self.send_over(Version::HTTP_11, request).await
    }

    /// Asks for a path over HTTP/1.1.
    pub async fn get(&self, path: &str) -> HttpResponse {
        let request = self.request("GET", path, "", "");
        self.send_over(Version::HTTP_11, request).await
    }
}
