//! Responses: from gRPC to what the caller asked for.

use std::io::Write;

use axum::body::Body;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream::try_unfold;
use http_body_util::BodyExt;
use prost::bytes::{Buf, BufMut, Bytes, BytesMut};
use prost_reflect::MessageDescriptor;
use serde::Serialize;
use tonic::{
    Code, Status,
    codegen::http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
        response::Parts,
    },
};

use super::{
    message,
    status::{ErrorJson, http_status, retry_after},
};
use crate::{error::Error, long_work::aside};

/// The head of a message: a flag and the length.
const HEAD_BYTES: usize = 5;

/// The flag of what ends a stream of the Connect protocol.
const END_OF_STREAM: u8 = 2;

/// Responses of fewer bytes are not compressed.
const MIN_COMPRESSED_BYTES: usize = 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// What the body of a response is to be.
pub struct Output {
    pub form: OutputForm,
    /// The type of its messages; none for a call that there is not.
    pub descriptor: Option<MessageDescriptor>,
    /// Whether the caller takes a response that is compressed.
    pub takes_gzip: bool,
}

/// What the messages of a response are written as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OutputForm {
    /// One message, encoded.
    Message,
    /// One message in JSON.
    Json,
    /// Messages in JSON, each with a line of its own.
    Lines,
    /// The Connect protocol's stream of encoded messages.
    Frames,
    /// The Connect protocol's stream of messages in JSON.
    JsonFrames,
}

impl Output {
    /// Translates the response. What it holds for as long as it is sent, it holds further.
    pub async fn translate(self, response: Response<tonic::body::Body>) -> Response<Body> {
        let (head, body) = response.into_parts();
        let ended = Status::from_header_map(&head.headers);
        let (mut translated, body) = match self.form {
            OutputForm::Message | OutputForm::Json => self.message(ended, body).await,
            OutputForm::Lines | OutputForm::Frames | OutputForm::JsonFrames => {
                self.stream(&head, ended, body)
            }
        };
        translated.extensions = head.extensions;
        Response::from_parts(translated, body)
    }

    /// Reads all of a response of one message, whose status decides that of HTTP.
    async fn message(&self, ended: Option<Status>, body: tonic::body::Body) -> (Parts, Body) {
        let read = match ended {
            Some(status) => Err(status),
            None => read_message(body).await,
        };
        let written = read.and_then(|encoded| {
            let Some(descriptor) = self
                .descriptor
                .as_ref()
                .filter(|_| self.form == OutputForm::Json)
            else {
                return Ok((HeaderValue::from_static("application/proto"), encoded));
            };
            let print = || message::print(descriptor, &encoded);
            let mut text = aside(encoded.len() as u64, print)?;
            text.push(b'\n');
            Ok((JSON, text.into()))
        });
        match written {
            Err(status) => self.error(&status),
            Ok((content_type, bytes)) => self.whole(StatusCode::OK, content_type, bytes),
        }
    }

    /// Returns the response to a call that has failed.
    fn error(&self, status: &Status) -> (Parts, Body) {
        let code = match http_status(status.code()) {
            StatusCode::NOT_IMPLEMENTED if self.descriptor.is_none() => StatusCode::NOT_FOUND,
            code => code,
        };
        let (mut head, body) = self.whole(code, JSON, to_line(&ErrorJson::of(status)));
        if let Some(seconds) = retry_after(status) {
            head.headers.insert(RETRY_AFTER, seconds.into());
        }
        (head, body)
    }

    fn whole(&self, code: StatusCode, content_type: HeaderValue, bytes: Bytes) -> (Parts, Body) {
        let mut head = head(code, content_type);
        let is_compressed = self.takes_gzip && bytes.len() >= MIN_COMPRESSED_BYTES;
        let compressed = is_compressed.then(|| aside(bytes.len() as u64, || gzip(&bytes)));
        let bytes = match compressed.flatten() {
            Some(compressed) => {
                head.headers.insert(CONTENT_ENCODING, GZIP);
                compressed.into()
            }
            None => bytes,
        };
        head.headers.insert(CONTENT_LENGTH, bytes.len().into());
        (head, Body::from(bytes))
    }

    /// Translates a stream while it is read.
    fn stream(
        &self,
        inner: &Parts,
        ended: Option<Status>,
        body: tonic::body::Body,
    ) -> (Parts, Body) {
        let content_type = match self.form {
            OutputForm::Frames => HeaderValue::from_static("application/connect+proto"),
            OutputForm::JsonFrames => HeaderValue::from_static("application/connect+json"),
            _ => LINES,
        };
        if self.form == OutputForm::Lines
            && let Some(status) = &ended
        {
            return self.error(status);
        }
        let mut head = head(StatusCode::OK, content_type);
        if self.form == OutputForm::Frames
            && let Some(encoding) = inner.headers.get("grpc-encoding")
        {
            let headers = &mut head.headers;
            headers.insert("connect-content-encoding", encoding.clone());
        }
        let stream = Messages {
            form: self.form,
            descriptor: self.descriptor.clone(),
            body,
            buffer: BytesMut::new(),
            ended,
            stage: Stage::Messages,
        };
        let body = Body::from_stream(try_unfold(stream, |mut stream| async {
            let part = stream.next().await?;
            Ok::<_, Status>(part.map(|part| (part, stream)))
        }));
        (head, body)
    }
}

fn head(code: StatusCode, content_type: HeaderValue) -> Parts {
    let mut response = Response::new(());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.into_parts().0
}

/// Reads a response of one message to its end.
async fn read_message(body: tonic::body::Body) -> Result<Bytes, Status> {
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    status_of(trailers.as_ref())?;
    let mut frames = body.to_bytes();
    if frames.len() < HEAD_BYTES {
        return Err(Error::internal(anyhow::anyhow!("a response has no message")).into());
    }
    frames.advance(HEAD_BYTES);
    Ok(frames)
}

/// Fails with the status that a call ended with, unless it is OK.
fn status_of(trailers: Option<&HeaderMap>) -> Result<(), Status> {
    let status = trailers.and_then(Status::from_header_map);
    let missing = || Error::internal(anyhow::anyhow!("a response has no status")).into();
    let status = status.unwrap_or_else(missing);
    if status.code() == Code::Ok {
        Ok(())
    } else {
        Err(status)
    }
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The messages of a stream, while they are sent.
struct Messages {
    form: OutputForm,
    descriptor: Option<MessageDescriptor>,
    body: tonic::body::Body,
    /// What has been read and not been written.
    buffer: BytesMut,
    /// The status, once it is known.
    ended: Option<Status>,
    stage: Stage,
}

enum Stage {
    Messages,
    /// After lines that end with an error.
    Failed(Status),
    End,
}

impl Messages {
    /// Returns what is sent next; `None` at the end. Lines that an error has ended fail after it, so that a caller that
    /// does not look at them notices.
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        match std::mem::replace(&mut self.stage, Stage::Messages) {
            Stage::Messages => {}
            Stage::Failed(status) => return Err(status),
            Stage::End => {
                self.stage = Stage::End;
                return Ok(None);
            }
        }
        loop {
            if let Some(message) = self.message()? {
                return Ok(Some(message));
            }
            if let Some(status) = self.ended.take() {
                return Ok(self.end(status));
            }
            match self
                .body
                .frame()
                .await
                .transpose()?
                .map(|it| it.into_data())
            {
                Some(Ok(data)) => self.buffer.extend_from_slice(&data),
                Some(Err(other)) => {
                    let ended = status_of(other.into_trailers().ok().as_ref());
                    self.ended = Some(ended.err().unwrap_or_else(|| Status::ok("")));
                }
                None => self.ended = status_of(None).err(),
            }
        }
    }

    /// Writes the next message, if all of it is there.
    fn message(&mut self) -> Result<Option<Bytes>, Status> {
        let Some((flag_and_length, _)) = self.buffer.split_at_checked(HEAD_BYTES) else {
            return Ok(None);
        };
        let length = (&flag_and_length[1..]).get_u32() as usize;
        if self.buffer.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        let frame = self.buffer.split_to(HEAD_BYTES + length).freeze();
        let Some(descriptor) = self
            .descriptor
            .as_ref()
            .filter(|_| self.form != OutputForm::Frames)
        else {
            return Ok(Some(frame));
        };
        let mut text = message::print(descriptor, &frame[HEAD_BYTES..])?;
        if self.form == OutputForm::Lines {
            text.push(b'\n');
            return Ok(Some(text.into()));
        }
        Ok(Some(framed(0, &text)))
    }

    /// Writes the end.
    fn end(&mut self, status: Status) -> Option<Bytes> {
        let is_ok = status.code() == Code::Ok;
        let error = (!is_ok).then(|| ErrorJson::of(&status));
        let end = to_line(&End { error });
        self.stage = Stage::End;
        if self.form != OutputForm::Lines {
            return Some(framed(END_OF_STREAM, &end));
        }
        if is_ok {
            return None;
        }
        self.stage = Stage::Failed(status);
        Some(end)
    }
}

/// What ends a stream.
#[derive(Serialize)]
struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson>,
}

fn to_line(value: &impl Serialize) -> Bytes {
    // It fails for no value without maps.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

fn framed(flag: u8, text: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + text.len());
    frame.put_u8(flag);
    frame.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    frame.put_slice(text);
    frame.freeze()
}
