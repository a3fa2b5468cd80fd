//! HTTP/1.1, as far as operators use it.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, ToSocketAddrs},
};

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

/// The value of a metric with exactly these labels, as in `contact_lists_calls_total{method="…"}`, if it is in what was scraped.
pub fn metric(scraped: &str, name_and_labels: &str) -> Option<f64> {
    let value = scraped
        .lines()
        .find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' '))?;
    Some(value.parse().expect("a number"))
}
