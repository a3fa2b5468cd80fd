//! Panics end their call alone.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use super::Refusal;
use crate::error::Error;

/// Returns the response to a call that panicked. The panic's message is in the log already, and is not the caller's to see.
pub fn response(_panic: Box<dyn Any + Send>) -> Response {
    Refusal(Error::internal(anyhow::anyhow!("the call panicked"))).into_response()
}
