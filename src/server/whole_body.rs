//! Request streams that are whole or fail.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::Frame;
use tonic::{
    Status,
    body::Body,
    codegen::{Body as HttpBody, Bytes},
};

/// A request's body that fails where its caller leaves before the end. Above the transport, a stream that was cancelled, or
/// reset without an error, looks like one that is whole; and part of a stream must never be applied.
pub struct WholeBody(pub Body);

impl HttpBody for WholeBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(Pin::new(&mut self.0).poll_frame(context)) {
            Some(Err(failure)) => Some(Err(Status::aborted(failure.message()))),
            None if !self.0.is_end_stream() => Some(Err(Status::aborted("the stream was reset"))),
            frame => frame,
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};
    use prost::Message as _;
    use tonic::{Code, Streaming, codec::Codec};
    use tonic_prost::ProstCodec;

    use super::*;
    use crate::proto::UpdateContactListContactsRequest as Message;

    fn message() -> Bytes {
        let encoded = Message::default().encode_to_vec();
        [&[0, 0, 0, 0, encoded.len() as u8], encoded.as_slice()]
            .concat()
            .into()
    }

    /// What comes after the first message of a stream.
    async fn second(body: Body) -> Result<Option<Message>, Code> {
        let decoder = ProstCodec::<Message, Message>::default().decoder();
        let body = Body::new(WholeBody(body));
        let mut stream = Streaming::new_request(decoder, body, None, None);
        assert_eq!(stream.message().await.unwrap(), Some(Message::default()));
        stream.message().await.map_err(|status| status.code())
    }

    #[tokio::test]
    async fn a_whole_stream_ends() {
        assert_eq!(second(Body::new(Full::new(message()))).await, Ok(None));
    }

    #[tokio::test]
    async fn a_stream_that_is_cancelled_fails() {
        let cancelled = Err(Status::cancelled("by the caller"));
        let frames = [Ok(Frame::data(message())), cancelled];
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        assert_eq!(second(body).await, Err(Code::Aborted));
    }

    #[tokio::test]
    async fn a_stream_that_stops_before_its_end_fails() {
        let frames = [Ok::<_, Status>(Frame::data(message()))];
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        assert_eq!(second(body).await, Err(Code::Aborted));
    }
}
