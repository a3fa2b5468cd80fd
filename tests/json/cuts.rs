//! An overwrite that is cut, at any byte, in any form and in any way, is never applied: part of a list would take the place of
//! all of it.

use std::io::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, stream};
use prost::bytes::{BufMut, Bytes};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::codegen::http::Request;

use test_support::*;

use super::{JSON, LINES, UPDATE};

/// How many bodies are cut at once.
const AT_ONCE: usize = 16;

/// A way in which a body ends, whole or cut.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The length says that there is more.
    Length,
    /// The last chunk is missing.
    Chunks,
    /// The last chunk is there.
    LastChunk,
    /// HTTP/2's stream ends.
    Stream,
    /// HTTP/2's stream is reset.
    Reset,
    /// The connection of HTTP/2 ends.
    Connection,
}

/// An overwrite.
struct Overwrite {
    path: String,
    content_type: &'static str,
    is_gzip: bool,
    body: Bytes,
}

/// An overwrite of a list, in every form. The last byte of each is needed.
fn overwrites(list: &str) -> Vec<Overwrite> {
    let header_json = json!({"contact_list_id": list, "action": "ACTION_OVERWRITE"});
    let parts = [
        json!({"header": header_json}),
        json!({"contacts": [{"phone": number(1)}]}),
        json!({"footer": {"contact_count": 1}}),
    ];
    let without_footer = json!({"header": header_json, "contacts": [{"phone": number(1)}]});
    let put = json!({"action": "overwrite", "contacts": [{"phone": number(1)}]}).to_string();
    let put_path = format!("/v1/contact_lists/{list}/contacts");
    let lines = parts.each_ref().map(ToString::to_string).join("\n");
    let envelopes = parts.each_ref().map(|part| {
        let text = part.to_string();
        let mut envelope = vec![0];
        envelope.put_u32(text.len() as u32);
        [envelope, text.into_bytes()].concat()
    });
    let frames: Vec<u8> = messages(header(list).overwrite(), vec![contact(&number(1))])
        .iter()
        .flat_map(framed)
        .collect();
    let form = |content_type, body: Vec<u8>| Overwrite {
        path: UPDATE.to_owned(),
        content_type,
        is_gzip: false,
        body: body.into(),
    };
    let compressed = |form: Overwrite| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&form.body).expect("a compressed body");
        let body = encoder.finish().expect("a compressed body").into();
        Overwrite {
            is_gzip: true,
            body,
            ..form
        }
    };
    let put = || Overwrite {
        path: put_path.clone(),
        ..form(JSON, put.clone().into_bytes())
    };
    vec![
        put(),
        compressed(put()),
        form(JSON, without_footer.to_string().into_bytes()),
        form(JSON, json!(parts[..2]).to_string().into_bytes()),
        form(LINES, lines.clone().into_bytes()),
        compressed(form(LINES, lines.into_bytes())),
        form("application/connect+json", envelopes.concat()),
        form("application/connect+proto", frames.clone()),
        form("application/grpc-web+proto", frames.clone()),
        form(
            "application/grpc-web-text",
            BASE64_STANDARD.encode(frames).into_bytes(),
        ),
    ]
}

impl Overwrite {
    fn method(&self) -> &'static str {
        if self.path == UPDATE { "POST" } else { "PUT" }
    }

    /// Sends the first bytes of the body, and ends it. Returns once the service has done what it does, as far as that shows.
    async fn send(&self, service: &Service, bytes: usize, end: End) {
        let body = &self.body[..bytes];
        match end {
            End::Length => {
                let framing = format!("content-length: {}", self.body.len());
                self.send_over_http1(service, &framing, body, true).await;
            }
            End::Chunks | End::LastChunk => {
                let is_cut = matches!(end, End::Chunks);
                let mut chunks = Vec::new();
                if !body.is_empty() {
                    chunks.extend(format!("{:x}\r\n", body.len()).bytes());
                    chunks.extend([body, b"\r\n"].concat());
                }
                if !is_cut {
                    chunks.extend(b"0\r\n\r\n");
                }
                let framing = "transfer-encoding: chunked";
                self.send_over_http1(service, framing, &chunks, is_cut)
                    .await;
            }
            End::Stream | End::Reset | End::Connection => {
                self.send_over_http2(service, body, end).await;
            }
        }
    }

    async fn send_over_http1(&self, service: &Service, framing: &str, body: &[u8], is_cut: bool) {
        let head = service.head(self.method(), &self.path);
        let head = head.replace(JSON, self.content_type);
        let encoding = if self.is_gzip {
            "content-encoding: gzip\r\n"
        } else {
            ""
        };
        let head = format!("{head}connection: close\r\n{encoding}{framing}\r\n\r\n");
        let connection = TcpStream::connect(service.address()).await;
        let mut connection = connection.expect("a connection");
        let bytes = [head.as_bytes(), body].concat();
        connection.write_all(&bytes).await.expect("a sent request");
        if is_cut {
            connection.shutdown().await.expect("an end");
        }
        let mut response = Vec::new();
        // An abrupt end is an end as well.
        let _ = connection.read_to_end(&mut response).await;
    }

    async fn send_over_http2(&self, service: &Service, body: &[u8], end: End) {
        let (mut request, _) = service
            .request(self.method(), &self.path, self.content_type, "")
            .into_parts();
        request.headers.remove("host");
        if self.is_gzip {
            let gzip = "gzip".parse().expect("a value");
            request.headers.insert("content-encoding", gzip);
        }
        let request = Request::from_parts(request, ());
        let stream = TcpStream::connect(service.address())
            .await
            .expect("a server");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.expect("a connection");
        let (response, mut sending) = client.send_request(request, false).expect("a call");
        let is_end = matches!(end, End::Stream);
        let sent = sending.send_data(Bytes::copy_from_slice(body), is_end);
        sent.expect("a sent body");
        match end {
            End::Reset => {
                sending.send_reset(h2::Reason::CANCEL);
                let _ = response.await;
            }
            End::Connection => drop(response),
            _ => {
                let mut body = response.await.expect("a response").into_body();
                while body.data().await.is_some() {}
            }
        }
        drop(sending);
        drop(client);
        // The client closes the connection once it has sent all.
        let _ = connection.await;
    }
}

/// Cuts every overwrite at every byte, and then sends each whole.
async fn cut(mut service: Service, end: End, end_when_whole: End) {
    let admin = service.admin();
    let list = admin.create_list("Kept").await;
    let before = messages(header(&list).add(), contacts(100..102));
    admin.send(before).await.expect("members");
    let overwrites = overwrites(&list);
    let cuts = overwrites
        .iter()
        .flat_map(|overwrite| (0..overwrite.body.len()).map(move |bytes| (overwrite, bytes)));
    let cuts = stream::iter(cuts).map(|(overwrite, bytes)| overwrite.send(&service, bytes, end));
    cuts.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    // Its calls have ended then.
    service.restart().await;
    let updates = "SELECT count(*) FROM contact_list_updates";
    assert_eq!(service.rows(updates).await, 1, "a part was applied");
    for (index, overwrite) in overwrites.iter().enumerate() {
        overwrite
            .send(&service, overwrite.body.len(), end_when_whole)
            .await;
        let form = overwrite.content_type;
        assert_eq!(
            service.rows(updates).await,
            2 + index as i64,
            "{form} is not applied"
        );
    }
}

on_both! {
    async fn an_upload_that_is_shorter_than_it_says_is_not_applied(service: Service) {
        cut(service, End::Length, End::LastChunk).await;
    }

    async fn an_upload_without_its_last_chunk_is_not_applied(service: Service) {
        cut(service, End::Chunks, End::LastChunk).await;
    }

    async fn an_upload_whose_source_fails_is_not_applied_over_http_1(service: Service) {
        cut(service, End::LastChunk, End::LastChunk).await;
    }

    async fn an_upload_whose_source_fails_is_not_applied_over_http_2(service: Service) {
        cut(service, End::Stream, End::Stream).await;
    }

    async fn an_upload_that_is_reset_is_not_applied(service: Service) {
        cut(service, End::Reset, End::Stream).await;
    }

    async fn an_upload_whose_connection_breaks_is_not_applied(service: Service) {
        cut(service, End::Connection, End::Stream).await;
    }
}
