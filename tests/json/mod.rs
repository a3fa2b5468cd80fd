//! Calls in JSON, by the Connect protocol and by gRPC-Web, over HTTP/1.1 and HTTP/2.

mod connect;
mod connections;
mod cuts;
mod errors;
mod limits;
mod paths;
mod streams;
mod unary;
mod web;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::codegen::http::Version;

use test_support::Service;

/// The versions of HTTP that the port speaks.
const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

const UPDATE: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";
const EXPORT: &str = "/contactlists.v1.ContactListService/ExportContactListContacts";
const GET_LIST: &str = "/contactlists.v1.ContactListService/GetContactList";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// Begins to put contacts on a list over HTTP/1.1, and returns once the service asks for the body.
async fn begin_put(service: &Service, list: &str, body_bytes: usize) -> TcpStream {
    let head = service.head("PUT", &format!("/v1/contact_lists/{list}/contacts"));
    let head = format!("{head}expect: 100-continue\r\ncontent-length: {body_bytes}\r\n\r\n");
    let connection = TcpStream::connect(service.address()).await;
    let mut connection = connection.expect("a connection");
    let sent = connection.write_all(head.as_bytes()).await;
    sent.expect("a sent head");
    let mut asked = [0; 25];
    let read = connection.read_exact(&mut asked).await;
    read.expect("a request for the body");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection
}
