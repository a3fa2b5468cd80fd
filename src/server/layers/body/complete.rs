//! Request bodies that are complete or fail.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tonic::Status;

use super::framing::Framing;
use crate::error;

/// A request's body that fails if its caller leaves before the end, or if it ends inside a message. To the decoder, a stream
/// that is cancelled, or that ends right after a message's head, looks complete; and part of a stream must never be applied.
pub struct CompleteBody {
    body: Body,
    framing: Framing,
}

impl CompleteBody {
    /// Wraps `body`.
    pub fn of(body: Body) -> Self {
        Self {
            body,
            framing: Framing::default(),
        }
    }
}

impl HttpBody for CompleteBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => {
                    this.framing.follow(data);
                    Some(Ok(frame))
                }
                // Trailers, which end the body as well.
                None if this.framing.is_inside_message() => Some(Err(cut())),
                None => Some(Ok(frame)),
            },
            Some(Err(error)) => {
                let status = Status::from_error(error.into());
                // What is not the transport's is an error of the service's own, and says what is wrong with the body.
                Some(Err(if error::source_of(&status).is_some() {
                    status
                } else {
                    Status::aborted(status.message())
                }))
            }
            None if this.framing.is_inside_message() => Some(Err(cut())),
            None => None,
        };
        Poll::Ready(frame)
    }
}

fn cut() -> Status {
    Status::internal("a message is cut")
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
        let body = tonic::body::Body::new(CompleteBody::of(body));
        let mut stream = Streaming::new_request(decoder, body, None, None);
        assert_eq!(stream.message().await.unwrap(), Some(Message::default()));
        stream.message().await.map_err(|status| status.code())
    }

    #[tokio::test]
    async fn a_whole_stream_ends() {
        assert_eq!(second(Body::new(Full::new(message()))).await, Ok(None));
    }

    #[tokio::test]
    async fn a_stream_that_ends_after_a_messages_head_fails() {
        let head: Bytes = [0, 0, 0, 0, 50].as_slice().into();
        let body = [message(), head].concat();
        let body = Body::new(Full::new(Bytes::from(body)));
        assert_eq!(second(body).await, Err(Code::Internal));
    }

    #[tokio::test]
    async fn a_stream_that_is_cancelled_fails() {
        let cancelled = Err(Status::cancelled("by the caller"));
        let frames = [Ok(Frame::data(message())), cancelled];
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        assert_eq!(second(body).await, Err(Code::Aborted));
    }
}
