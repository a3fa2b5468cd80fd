//! Calls by their path, with bytes instead of messages: for what holds for every call, and for what no client would send.

use http_body_util::{BodyExt, Full};
use prost::bytes::{Buf, BufMut, Bytes};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tonic::{
    Request, Response, Status,
    body::Body,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http,
    transport::Endpoint,
};

use tower::ServiceExt;

use super::Service;

impl Service {
    /// Sends bytes as the one message of a call, such as "/contactlists.v1.ChannelService/ListChannels", and returns
    /// the answer's bytes.
    pub async fn call_raw(
        &self,
        path: &str,
        authorization: Option<&str>,
        message: &'static [u8],
    ) -> Result<Bytes, Status> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address()));
        let channel = endpoint.expect("an address").connect_lazy();
        let mut client = Grpc::new(channel);
        client.ready().await.expect("a connection");
        let mut request = Request::new(tokio_stream::iter([Bytes::from_static(message)]));
        if let Some(value) = authorization {
            let value = value.parse().expect("a value for a header");
            request.metadata_mut().insert("authorization", value);
        }
        let path = path.parse().expect("a path");
        // A stream of one message is what a unary call is on the wire.
        let answer = client.client_streaming(request, path, Raw).await;
        answer.map(Response::into_inner)
    }
}

impl Service {
    /// Sends bytes as the whole body of a call of the main call, frames and all, and returns the answer's status.
    pub async fn post_raw(&self, headers: &[(&'static str, &str)], body: Vec<u8>) -> Status {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address()));
        let channel = endpoint.expect("an address").connect_lazy();
        let authorization = format!("Bearer {}", self.organization.admin_key);
        let mut request = http::Request::post(format!("http://{}{MAIN_CALL}", self.address()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::new(Full::new(Bytes::from(body)));
        let request = request.body(body).expect("a request");
        let response = channel.oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        if let Some(status) = Status::from_header_map(&parts.headers) {
            return status;
        }
        let body = body.collect().await.expect("the end of the answer");
        let trailers = body.trailers().cloned().unwrap_or_default();
        Status::from_header_map(&trailers).expect("a status")
    }

    /// Sends a call with a deadline by a client that does not keep to it: it waits for the service. The request's body has
    /// these bytes, and ends only if it is whole. Returns what the response's body has, and the status.
    pub async fn call_with_deadline(
        &self,
        path: &str,
        grpc_timeout: &str,
        body: &[u8],
        is_whole: bool,
    ) -> (Vec<u8>, Status) {
        let stream = TcpStream::connect(self.address()).await.expect("a server");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let request = http::Request::post(format!("http://{}{path}", self.address()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header(
                "authorization",
                format!("Bearer {}", self.organization.admin_key),
            )
            .header("grpc-timeout", grpc_timeout)
            .body(())
            .expect("a request");
        let mut client = client.ready().await.expect("a connection");
        let (response, mut sending) = client.send_request(request, false).expect("a call");
        sending
            .send_data(Bytes::copy_from_slice(body), is_whole)
            .expect("a taken body");
        let (parts, mut body) = response.await.expect("a response").into_parts();
        let mut received = Vec::new();
        while let Some(data) = body.data().await {
            received.extend(data.expect("a part of the response"));
        }
        let trailers = body.trailers().await.expect("the end of the response");
        let status = Status::from_header_map(trailers.as_ref().unwrap_or(&parts.headers));
        connection.abort();
        (received, status.expect("a status"))
    }

    /// Writes the beginning of a stream to a TCP connection by hand, as somebody who can also end it by hand.
    pub async fn begin_by_hand(&self, message: &impl prost::Message) -> TcpStream {
        let mut connection = TcpStream::connect(self.address()).await.expect("a server");
        let authorization = format!("Bearer {}", self.organization.admin_key);
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", MAIN_CALL),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("authorization", &authorization),
        ];
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(0x4, 0, 0, &[]));
        bytes.extend(frame(0x1, 0x4, 1, &header_block(&headers)));
        let mut data = vec![0];
        data.put_u32(message.encoded_len() as u32);
        data.extend(message.encode_to_vec());
        bytes.extend(frame(0x0, 0, 1, &data));
        connection
            .write_all(&bytes)
            .await
            .expect("a taken beginning");
        connection
    }
}

/// What an HTTP/2 connection begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const MAIN_CALL: &str = "/contactlists.v1.ContactListService/UpdateContactListContacts";

/// An HTTP/2 frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.put_u32(stream);
    frame.extend(payload);
    frame
}

/// Headers as HPACK's plainest literals.
pub(crate) fn header_block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            let length = u8::try_from(text.len()).expect("a short text");
            assert!(length < 127, "a longer length takes more bytes");
            block.push(length);
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Leaves the bytes alone.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}
