//! Request bodies: whole, at a pace, and within a budget of memory.

mod budgeted;
mod complete;
mod framing;
mod paced;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use self::{budgeted::BudgetedBody, complete::CompleteBody, paced::PacedBody};
pub use self::{budgeted::MessageBudget, paced::Pace};
use super::Refusal;
use crate::{domain::caller::Caller, error::Error};

/// What all request bodies are held to.
#[derive(Clone)]
pub struct BodyLimits {
    pub pace: Pace,
    pub budget: Arc<MessageBudget>,
}

/// Holds the request's body to a pace.
pub async fn keep_pace(State(pace): State<Pace>, request: Request, next: Next) -> Response {
    let paced = request.map(|body| Body::new(PacedBody::new(body, pace)));
    next.run(paced).await
}

/// Holds the request's body to the limits. The caller must be known.
pub async fn limit(
    State(limits): State<BodyLimits>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let caller = request.extensions().get::<Caller>();
    let key = caller.ok_or(Error::ApiKeyInvalid)?.api_key_id;
    let request = request.map(|body| {
        let body = Body::new(CompleteBody::of(body));
        let body = Body::new(PacedBody::new(body, limits.pace));
        Body::new(BudgetedBody::new(body, key, limits.budget))
    });
    Ok(next.run(request).await)
}
