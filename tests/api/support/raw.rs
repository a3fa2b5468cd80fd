//! Calls by their path, with bytes instead of messages: for what holds for every call, and for what no client would send.

use prost::bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Response, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Endpoint,
};

use super::Service;

impl Service {
    /// Sends bytes as the one message of a call, such as "/contactlists.v1.ChannelService/ListChannels", and gives back
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
