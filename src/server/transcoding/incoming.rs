//! The body of a request as it arrives: decompressed, within the limit of a message, and within a budget of memory.

use std::{io::Write, sync::Arc, time::Duration};

use axum::body::Body;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use prost::bytes::{Bytes, BytesMut};
use tonic::Status;
use uuid::Uuid;

use crate::{
    error::Error,
    memory_budget::{MemoryBudget, MemoryShare},
};

/// Text up to this size takes nothing from the budget: there is room for it in every running call.
const FREE_BYTES: usize = 64 * 1024;

/// How many texts of the largest size one API key may have at once, each with the message that is made of it.
const TEXTS_PER_KEY: usize = 16;

/// How many texts of the largest size the server has room for.
const TEXTS: usize = 4 * TEXTS_PER_KEY;

/// How much is decompressed at once. It can become a thousand times as much.
const COMPRESSED_BYTES: usize = 4 * 1024;

/// The memory that texts may take while they arrive.
pub struct TextBudget {
    max_message_bytes: usize,
    memory: MemoryBudget,
}

impl TextBudget {
    /// A budget for texts of at most `max_message_bytes`, in which each waits for its share for at most `wait_limit`.
    pub fn new(max_message_bytes: usize, wait_limit: Duration) -> Self {
        let memory = MemoryBudget::new(
            TEXTS.saturating_mul(max_message_bytes),
            TEXTS_PER_KEY.saturating_mul(max_message_bytes),
            wait_limit,
        );
        Self {
            max_message_bytes,
            memory,
        }
    }
}

/// What arrives of a request's body. It is read only once the call has passed the layers that know its caller.
pub struct Incoming {
    body: Body,
    gunzip: Option<Gunzip>,
    /// What has arrived and has not been taken.
    pub buffer: BytesMut,
    /// The most bytes of a message.
    pub max_bytes: usize,
    budget: Arc<TextBudget>,
    /// The API key, as the budget knows it.
    key: Uuid,
    share: Option<MemoryShare>,
}

struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    compressed: Bytes,
}

impl Incoming {
    /// Reads `body`, which is compressed by gzip where `is_gzip`. Its messages may have `max_bytes`, or what the budget is
    /// for, if that is less.
    pub fn new(
        body: Body,
        is_gzip: bool,
        max_bytes: usize,
        budget: Arc<TextBudget>,
        key: Uuid,
    ) -> Self {
        Self {
            body,
            gunzip: is_gzip.then(|| Gunzip {
                decoder: MultiGzDecoder::new(Vec::new()),
                compressed: Bytes::new(),
            }),
            buffer: BytesMut::new(),
            max_bytes: max_bytes.min(budget.max_message_bytes),
            budget,
            key,
            share: None,
        }
    }

    /// Returns the body itself, as it arrives.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Waits for more. Returns whether there was any: otherwise the body has ended, and is whole.
    pub async fn more(&mut self) -> Result<bool, Status> {
        let Some(data) = self.data().await? else {
            return Ok(false);
        };
        self.reserve(self.buffer.len() + data.len()).await?;
        self.buffer.extend_from_slice(&data);
        Ok(true)
    }

    /// Reads the rest of the body, which is one message.
    pub async fn all(&mut self) -> Result<Bytes, Status> {
        while self.more().await? {
            self.check_size(self.buffer.len())?;
        }
        Ok(self.buffer.split().freeze())
    }

    /// Waits until the buffer has `bytes`. Fails if the body ends before that.
    pub async fn fill(&mut self, bytes: usize) -> Result<(), Status> {
        while self.buffer.len() < bytes {
            if !self.more().await? {
                return Err(malformed("the body ends inside a message").into());
            }
        }
        Ok(())
    }

    /// Fails if a message may not have `bytes`.
    pub fn check_size(&self, bytes: usize) -> Result<(), Error> {
        if bytes > self.max_bytes {
            let limit_bytes = self.max_bytes;
            return Err(Error::MessageTooLarge { limit_bytes });
        }
        Ok(())
    }

    /// Waits for the memory of a text of `bytes`.
    pub async fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes > FREE_BYTES && self.share.is_none() {
            // The size of the text is not known before its end; and its message takes as much again.
            let share = self.budget.memory.share(self.key, 2 * self.max_bytes);
            self.share = Some(share.await?);
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(gunzip) = &mut self.gunzip
                && !gunzip.compressed.is_empty()
            {
                return Ok(Some(gunzip.next()?));
            }
            let Some(frame) = self.body.frame().await else {
                let rest = self.gunzip.take().map(Gunzip::finish).transpose()?;
                return Ok(rest.filter(|rest| !rest.is_empty()));
            };
            // Never as the end: a part of a stream must not be applied.
            let frame = frame.map_err(|error| Status::aborted(error.to_string()))?;
            match (frame.into_data(), &mut self.gunzip) {
                (Ok(data), None) => return Ok(Some(data)),
                (Ok(data), Some(gunzip)) => gunzip.compressed = data,
                (Err(_trailers), _) => {}
            }
        }
    }
}

impl Gunzip {
    /// Decompresses the next part.
    fn next(&mut self) -> Result<Bytes, Error> {
        let length = self.compressed.len().min(COMPRESSED_BYTES);
        let part = self.compressed.split_to(length);
        let written = self.decoder.write_all(&part);
        // The decoder keeps some of it otherwise.
        let written = written.and_then(|()| self.decoder.flush());
        written.map_err(|_| malformed("the body is no gzip file"))?;
        Ok(std::mem::take(self.decoder.get_mut()).into())
    }

    /// Returns what is left. Fails if the end is missing.
    fn finish(self) -> Result<Bytes, Error> {
        let rest = self.decoder.finish();
        let rest = rest.map_err(|_| malformed("the body is no whole gzip file"))?;
        Ok(rest.into())
    }
}

/// Decompresses a message of at most `max_bytes`.
pub fn gunzip_message(compressed: &[u8], max_bytes: usize) -> Result<BytesMut, Error> {
    let mut decoder = MultiGzDecoder::new(Vec::new());
    for part in compressed.chunks(COMPRESSED_BYTES) {
        let written = decoder.write_all(part);
        written.map_err(|_| malformed("a message is no gzip file"))?;
        if decoder.get_ref().len() > max_bytes {
            let limit_bytes = max_bytes;
            return Err(Error::MessageTooLarge { limit_bytes });
        }
    }
    let finished = decoder.finish();
    let unpacked = finished.map_err(|_| malformed("a message is no whole gzip file"))?;
    Ok(BytesMut::from(&*unpacked))
}

/// Returns the error of a body that is not what the call takes.
pub fn malformed(problem: impl Into<String>) -> Error {
    let problem = problem.into();
    Error::BodyMalformed { problem }
}
