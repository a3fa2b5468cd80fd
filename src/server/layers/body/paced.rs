//! Request bodies that must keep arriving.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::framing::{Framing, Step};
use crate::error::Error;

/// How fast a body must arrive.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long the service waits for a whole message.
    pub idle_limit: Duration,
    /// How many bytes of messages must arrive for each second of waiting, once the idle limit is used up.
    pub min_bytes_per_second: u64,
}

/// A request's body that fails once its caller makes the service wait for too long. Only the time in which the service waits
/// for the caller counts, and only the bytes of messages earn more of it.
pub struct PacedBody {
    body: Body,
    pace: Pace,
    framing: Framing,
    waiting: Option<Waiting>,
    /// How long the next message may still take.
    left_for_message: Duration,
    /// How long the caller may still make the service wait, over all messages. Bytes add to it.
    credit: Duration,
}

struct Waiting {
    since: Instant,
    /// The end of the time that is left.
    end: Pin<Box<Sleep>>,
}

impl PacedBody {
    /// Holds `body` to a `pace`.
    pub fn new(body: Body, pace: Pace) -> Self {
        Self {
            body,
            pace,
            framing: Framing::default(),
            waiting: None,
            left_for_message: pace.idle_limit,
            credit: pace.idle_limit,
        }
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.left_for_message.min(self.credit);
        let waiting = self.waiting.get_or_insert_with(|| {
            let since = Instant::now();
            let end = Box::pin(sleep_until(since + left));
            Waiting { since, end }
        });
        waiting.end.as_mut().poll(context)
    }

    fn end_waiting(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let waited = waiting.since.elapsed();
            self.left_for_message = self.left_for_message.saturating_sub(waited);
            self.credit = self.credit.saturating_sub(waited);
        }
    }

    fn earn(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let (length, step) = self.framing.step(data);
            data = &data[length..];
            if let Step::Message { bytes, is_whole } = step {
                let earned = bytes as f64 / self.pace.min_bytes_per_second as f64;
                let earned = Duration::try_from_secs_f64(earned).unwrap_or(Duration::MAX);
                self.credit = self.credit.saturating_add(earned);
                if is_whole {
                    self.left_for_message = self.pace.idle_limit;
                }
            }
        }
        self.credit = self.credit.min(self.pace.idle_limit);
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            return this.poll_patience(context).map(|()| {
                let limit_seconds = this.pace.idle_limit.as_secs();
                Some(Err(Error::StreamIdle { limit_seconds }.into()))
            });
        };
        this.end_waiting();
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.earn(data);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))))
    }
}
