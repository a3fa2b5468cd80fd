//! The deadline that a caller gives with its call, in the header `grpc-timeout`.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::Status;

use super::Refusal;
use crate::error::Error;

/// Ends the call once the caller's deadline has passed, also while its response is being sent.
pub async fn keep(request: Request, next: Next) -> Response {
    let timeout = timeout(request.headers());
    let Some(deadline) = timeout.and_then(|it| Instant::now().checked_add(it)) else {
        return next.run(request).await;
    };
    match timeout_at(deadline, next.run(request)).await {
        Ok(response) => response.map(|body| {
            let deadline = Box::pin(sleep_until(deadline));
            Body::new(TimedBody { body, deadline })
        }),
        Err(_) => Refusal(Error::DeadlineExceeded).into_response(),
    }
}

/// Parses `grpc-timeout`: at most eight digits and a unit. One that is malformed is no deadline.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(3600 * amount)),
        "M" => Some(Duration::from_secs(60 * amount)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// The body of a response, which ends with an error once the deadline has passed.
struct TimedBody {
    /// Empty once the deadline has passed.
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // First, as a body that always has something would never let it pass.
        let has_passed = self.deadline.as_mut().poll(context).is_ready();
        if has_passed && !self.body.is_end_stream() {
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            // The only error there is would be a message that is no header, and messages are encoded.
            let _ = Status::from(Error::DeadlineExceeded).add_header(&mut trailers);
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout_of(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        timeout(&headers)
    }

    #[test]
    fn a_timeout_is_read_in_every_unit() {
        for (text, expected) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("4S", Duration::from_secs(4)),
            ("5m", Duration::from_millis(5)),
            ("6u", Duration::from_micros(6)),
            ("7n", Duration::from_nanos(7)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(timeout_of(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_malformed_timeout_is_none() {
        for text in [
            "",
            "S",
            "1",
            "1s",
            "+1S",
            "-1S",
            "1.5S",
            "123456789S",
            "1 S",
            "S1",
        ] {
            assert_eq!(timeout_of(text), None, "{text:?}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }
}
