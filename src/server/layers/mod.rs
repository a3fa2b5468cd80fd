//! What a call passes through before it reaches its service: a file for each layer, and their order.

mod admission;
pub(crate) mod authentication;
mod body;
mod deadline;
mod health_checks;
mod metadata;
mod panics;
mod record;
mod status;

use std::sync::Arc;

use axum::{
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;
use tonic::{Status, service::Routes};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use self::{
    admission::{KeyLimit, OpenLimit, ServerLimit},
    authentication::KeyLookup,
    body::{BodyLimits, MessageBudget, Pace},
    health_checks::HealthChecks,
};
use super::shutdown::Shutdown;
use crate::{
    error::Error, jobs::key_uses::KeyUses, keyed_semaphore::KeyedSemaphore, repository::Repository,
    settings::ServeSettings, telemetry::Calls,
};

/// How many calls without a key run at once: health is watched by few, and reflection is for people.
const MAX_OPEN_CALLS: usize = 256;

/// How many keys that have not been good before may be looked up at once, for each call that may run.
const UNKNOWN_KEYS_PER_CALL: usize = 2;

/// Puts the layers around `routes`, calls of unknown services included. What is added to the result has none of them.
pub fn around(
    routes: Routes,
    repository: &Repository,
    uses: &KeyUses,
    settings: &ServeSettings,
    calls: &Calls,
    shutdown: &Shutdown,
) -> Routes {
    let on_server = ServerLimit {
        max_calls: settings.max_calls as usize,
        calls: Arc::new(Semaphore::new(settings.max_calls as usize)),
    };
    let max_unknown = UNKNOWN_KEYS_PER_CALL * settings.max_calls as usize;
    let lookup = KeyLookup {
        repository: repository.clone(),
        uses: uses.clone(),
        good: Arc::default(),
        max_unknown,
        unknown: Arc::new(Semaphore::new(max_unknown)),
    };
    let per_key = KeyLimit {
        max_calls: settings.max_calls_per_key as usize,
        calls: Arc::new(KeyedSemaphore::new(settings.max_calls_per_key as usize)),
    };
    let max_message_bytes = settings.max_message_bytes as usize;
    let bodies = BodyLimits {
        pace: pace(settings),
        budget: Arc::new(MessageBudget::new(
            max_message_bytes,
            settings.stream_idle(),
        )),
    };
    // From the outside in: a call passes the first layer first, and its response passes it last.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(calls.clone(), record::keep))
        .layer(from_fn_with_state(max_message_bytes, status::finish))
        .layer(from_fn(deadline::keep))
        .layer(CatchPanicLayer::custom(panics::response))
        .layer(from_fn(metadata::limit))
        .layer(from_fn_with_state(
            shutdown.clone(),
            admission::until_shutdown,
        ))
        .layer(from_fn_with_state(per_key, admission::per_key))
        .layer(from_fn_with_state(lookup, authentication::authenticate))
        .layer(from_fn_with_state(on_server, admission::on_server))
        .layer(from_fn_with_state(bodies, body::limit));
    Routes::from(routes.into_axum_router().layer(layers))
}

/// Puts the layers around `routes` that calls without a key pass through.
pub fn around_open(routes: Routes, settings: &ServeSettings, calls: &Calls) -> Routes {
    let open = OpenLimit {
        calls: ServerLimit {
            max_calls: MAX_OPEN_CALLS,
            calls: Arc::new(Semaphore::new(MAX_OPEN_CALLS)),
        },
        health_checks: HealthChecks::default(),
    };
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(calls.clone(), record::keep))
        .layer(from_fn(deadline::keep))
        .layer(from_fn(metadata::limit))
        .layer(from_fn_with_state(open, admission::without_key))
        .layer(from_fn_with_state(pace(settings), body::keep_pace));
    Routes::from(routes.into_axum_router().layer(layers))
}

fn pace(settings: &ServeSettings) -> Pace {
    Pace {
        idle_limit: settings.stream_idle(),
        min_bytes_per_second: settings.min_stream_bytes_per_second,
    }
}

/// An error that ends a call in one of the layers.
pub struct Refusal(Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Status::from(self.0).into_http()
    }
}
