//! Request bodies whose large messages share a budget of memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tonic::Status;
use uuid::Uuid;

use super::framing::{Framing, Head, Step};
use crate::{
    error::Result,
    memory_budget::{MemoryBudget, MemoryShare},
};

/// Messages up to this size take nothing from the budget: there is room for one of them in every running call.
const FREE_BYTES: usize = 64 * 1024;

/// How many messages of the largest size one API key may have at once.
const MESSAGES_PER_KEY: usize = 16;

/// How many messages of the largest size the server has room for.
const MESSAGES: usize = 4 * MESSAGES_PER_KEY;

/// How many times larger a message can become when it is decompressed: the ratio of DEFLATE's longest match (RFC 1951, 258
/// bytes in two bits).
const MAX_INFLATION: usize = 1032;

/// The memory that messages may take while they arrive, which is reserved for a whole message at once.
pub struct MessageBudget {
    max_message_bytes: usize,
    memory: MemoryBudget,
}

impl MessageBudget {
    /// A budget for messages of at most `max_message_bytes`, in which each waits for its share for at most `wait_limit`.
    pub fn new(max_message_bytes: usize, wait_limit: Duration) -> Self {
        let memory = MemoryBudget::new(
            MESSAGES.saturating_mul(max_message_bytes),
            MESSAGES_PER_KEY.saturating_mul(max_message_bytes),
            wait_limit,
        );
        Self {
            max_message_bytes,
            memory,
        }
    }

    /// Returns how much memory the message after `head` takes, not counting what it is decoded to.
    fn cost_bytes(&self, head: Head) -> usize {
        if head.length_bytes > self.max_message_bytes {
            // It is refused before memory is reserved.
            return 0;
        }
        let unpacked_bytes = if head.is_compressed {
            let inflated_bytes = head.length_bytes.saturating_mul(MAX_INFLATION);
            inflated_bytes.min(self.max_message_bytes)
        } else {
            0
        };
        head.length_bytes + unpacked_bytes
    }
}

/// A request's body that passes on the head of a large message once there is memory for all of it, and keeps that memory
/// until the body ends, as the decoder does.
pub struct BudgetedBody {
    body: Body,
    key: Uuid,
    budget: Arc<MessageBudget>,
    framing: Framing,
    /// What has arrived and has not been passed on. It begins with a head that is waiting for memory.
    kept: Bytes,
    waiting: Option<Pin<Box<dyn Future<Output = Result<MemoryShare>> + Send>>>,
    shares: Vec<MemoryShare>,
    /// How large a message the shares cover.
    shared_bytes: usize,
}

impl BudgetedBody {
    /// `body`, from a caller with the API key `key`.
    pub fn new(body: Body, key: Uuid, budget: Arc<MessageBudget>) -> Self {
        Self {
            body,
            key,
            budget,
            framing: Framing::default(),
            kept: Bytes::new(),
            waiting: None,
            shares: Vec::new(),
            shared_bytes: FREE_BYTES,
        }
    }

    /// Returns how much of `data` may be passed on, and begins to wait for a share if that is nothing.
    fn passable(&mut self, data: &[u8]) -> usize {
        let mut passed = 0;
        while passed < data.len() {
            let mut framing = self.framing;
            let (length, step) = framing.step(&data[passed..]);
            if let Step::Head(head) = step {
                let cost = self.budget.cost_bytes(head);
                if cost > self.shared_bytes {
                    if passed == 0 {
                        self.wait_for(cost);
                    }
                    return passed;
                }
            }
            self.framing = framing;
            passed += length;
        }
        passed
    }

    fn wait_for(&mut self, cost_bytes: usize) {
        let (budget, key) = (Arc::clone(&self.budget), self.key);
        let already = if self.shares.is_empty() {
            0
        } else {
            self.shared_bytes
        };
        let missing = cost_bytes - already;
        self.shared_bytes = cost_bytes;
        self.waiting = Some(Box::pin(
            async move { budget.memory.share(key, missing).await },
        ));
    }
}

impl HttpBody for BudgetedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if let Some(waiting) = &mut this.waiting {
                let share = ready!(waiting.as_mut().poll(context));
                this.waiting = None;
                match share {
                    Ok(share) => this.shares.push(share),
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                }
            }
            let mut data = std::mem::take(&mut this.kept);
            if data.is_empty() {
                let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
                data = match frame.map(|frame| frame.map(Frame::into_data)) {
                    Some(Ok(Ok(data))) => data,
                    Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                    Some(Err(error)) => {
                        return Poll::Ready(Some(Err(Status::from_error(error.into()))));
                    }
                    None => return Poll::Ready(None),
                };
                if data.is_empty() {
                    continue;
                }
            }
            let passed = this.passable(&data);
            this.kept = data.split_off(passed);
            if passed > 0 {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn calls_that_have_sent_a_small_compressed_message_hold_up_no_others() {
        let budget = Arc::new(MessageBudget::new(4 << 20, Duration::from_secs(30)));
        let message = [[1, 0, 0, 0, 100].as_slice(), &[0; 100]].concat();
        let mut running = Vec::new();
        for _ in 0..64 {
            let body = Body::from(message.clone());
            let mut body = BudgetedBody::new(body, Uuid::nil(), Arc::clone(&budget));
            let frame = body.frame().now_or_never().flatten();
            assert!(frame.is_some_and(|frame| frame.is_ok()));
            running.push(body);
        }
    }
}
