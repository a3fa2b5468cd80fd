//! Requests: from a body to the messages of gRPC.

use axum::body::Body;
use futures_util::stream::try_unfold;
use prost::{
    Message,
    bytes::{Buf, Bytes},
};
use prost_reflect::MessageDescriptor;
use tonic::Status;

use super::{
    contact_list_contacts,
    incoming::{Incoming, gunzip_message, malformed},
    message::{self, StreamInput},
    routes::BoundRequest,
    scanner::{self, Objects, Shape},
};
use crate::{error::Error, long_work::aside};

/// The head of a message: a flag and the length.
const HEAD_BYTES: usize = 5;

/// The flag of a message that is compressed.
const COMPRESSED: u8 = 1;

/// What the body of a request is.
pub enum Input {
    /// What no call takes.
    Refused(Error),
    /// What gRPC takes, too.
    Frames,
    /// One message.
    Message(MessageForm),
    /// A client's stream in JSON.
    Stream(StreamInput, StreamForm),
}

impl Input {
    /// Whether the client's stream looks whole wherever it ends. Some clients of the Connect protocol end a stream that they give
    /// up as they end a whole one.
    pub fn ends_unproven(&self) -> bool {
        match self {
            Self::Frames | Self::Stream(_, StreamForm::Lines | StreamForm::Frames) => true,
            Self::Refused(_) | Self::Message(_) | Self::Stream(..) => false,
        }
    }
}

/// What one message is written as.
pub enum MessageForm {
    /// As gRPC has it.
    Encoded,
    /// JSON.
    Json(MessageDescriptor),
    /// JSON, with what the path and the query have of it.
    Bound(BoundRequest),
}

/// What a stream is written as.
pub enum StreamForm {
    /// An array of messages, or one of them. Where the value ends, so does the stream.
    Array,
    /// Messages, one after another.
    Lines,
    /// Messages, each with a head.
    Frames,
    /// The form of [`contact_list_contacts`], for the list with this id.
    ContactListContacts(String),
}

/// Makes the body of the call in gRPC.
pub fn body(input: Input, incoming: Incoming) -> Body {
    let (shape, at_once) = match &input {
        Input::Frames => return incoming.into_body(),
        Input::Stream(_, StreamForm::Array) => (Shape::OneOrArray, false),
        Input::Stream(_, StreamForm::Lines) => (Shape::Lines, false),
        Input::Stream(..) => (Shape::One, false),
        _ => (Shape::One, true),
    };
    let source = Source {
        input,
        incoming,
        objects: Objects::new(shape, at_once),
        has_ended: false,
    };
    Body::from_stream(try_unfold(source, |mut source| async {
        let frames = source.next().await?;
        Ok::<_, Status>(frames.map(|frames| (frames, source)))
    }))
}

/// What the messages are made of.
struct Source {
    input: Input,
    incoming: Incoming,
    objects: Objects,
    has_ended: bool,
}

impl Source {
    /// Returns the next messages, in gRPC's framing; none after the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        if self.has_ended {
            return Ok(None);
        }
        let (incoming, objects) = (&mut self.incoming, &mut self.objects);
        let frames = match &mut self.input {
            Input::Refused(error) => Err(std::mem::replace(error, Error::CallUnknown).into()),
            Input::Frames => Ok(None),
            Input::Message(form) => {
                self.has_ended = true;
                let encoded = form.encoded(objects, incoming).await?;
                let mut frames = Vec::new();
                message::frame(&mut frames, &[&encoded]);
                Ok(Some(frames))
            }
            Input::Stream(input, StreamForm::Frames) => next_frame(incoming, input).await,
            Input::Stream(input, StreamForm::ContactListContacts(id)) => {
                self.has_ended = true;
                let text = objects.only(incoming).await?;
                let put = || contact_list_contacts::frames(input, id, or_empty(&text));
                let mut frames = aside(text.len() as u64, put)?;
                frames.extend(input.proven_end().into_iter().flatten());
                Ok(Some(frames))
            }
            Input::Stream(input, form) => match objects.next(incoming).await? {
                Some(text) => {
                    let parse = || input.parse(&text).and_then(|parts| input.frames(parts));
                    let frames = aside(text.len() as u64, parse);
                    Ok(Some(
                        frames.map_err(|error| of_message(objects.count - 1, error))?,
                    ))
                }
                None => {
                    self.has_ended = true;
                    let is_proven = matches!(form, StreamForm::Array) && objects.count > 0;
                    Ok(input.proven_end().filter(|_| is_proven))
                }
            },
        };
        frames.map(|frames: Option<Vec<u8>>| frames.map(Bytes::from))
    }
}

impl MessageForm {
    /// Reads the message.
    async fn encoded(
        &self,
        objects: &mut Objects,
        incoming: &mut Incoming,
    ) -> Result<Bytes, Status> {
        if let Self::Encoded = self {
            return incoming.all().await;
        }
        let text = objects.only(incoming).await?;
        let encoded = aside(text.len() as u64, || match self {
            Self::Bound(bound) => Ok(bound.request(&text)?.encode_to_vec()),
            Self::Json(descriptor) => message::encode(descriptor, or_empty(&text)),
            Self::Encoded => Ok(text.to_vec()),
        })?;
        Ok(encoded.into())
    }
}

/// Returns the text, or an object without fields if there is none.
fn or_empty(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"{}" } else { text }
}

/// Returns the messages that the next message of a stream of the Connect protocol becomes.
async fn next_frame(
    incoming: &mut Incoming,
    input: &mut StreamInput,
) -> Result<Option<Vec<u8>>, Status> {
    if incoming.buffer.is_empty() && !incoming.more().await? {
        return Ok(None);
    }
    incoming.fill(HEAD_BYTES).await?;
    let (flags, length) = (incoming.buffer.get_u8(), incoming.buffer.get_u32());
    let (length, limit_bytes) = (length as usize, incoming.max_bytes);
    incoming.check_size(length)?;
    let text = match flags {
        0 => {
            incoming.fill(length).await?;
            incoming.buffer.split_to(length)
        }
        COMPRESSED => {
            incoming.reserve(limit_bytes).await?;
            incoming.fill(length).await?;
            let compressed = incoming.buffer.split_to(length);
            gunzip_message(&compressed, limit_bytes)?
        }
        _ => return Err(malformed(format!("a message has the flags {flags}")).into()),
    };
    let text = scanner::only(text)?;
    let parse = || input.parse(or_empty(&text)).and_then(|it| input.frames(it));
    Ok(Some(aside(text.len() as u64, parse)?))
}

/// Says in which message of a stream the problem is, by its index.
fn of_message(index: u64, error: Error) -> Error {
    match error {
        Error::BodyMalformed { problem } => malformed(format!("message {index}: {problem}")),
        other => other,
    }
}
