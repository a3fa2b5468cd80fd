//! Panics end their call alone.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use super::Refusal;
use crate::error::Error;

/// Returns the response to a call that panicked. The panic's message is in the log already, and is not the caller's to see.
pub fn response(_panic: Box<dyn Any + Send>) -> Response {
    Refusal(Error::internal(anyhow::anyhow!("the call panicked"))).into_response()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use axum::{Router, body::Body, extract::Request};
    use tonic::{Code, Status};
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use crate::error::Error;

    async fn panic() {
        panic!("a secret");
    }

    #[tokio::test]
    async fn a_call_that_panics_ends_with_an_error_that_the_status_layer_can_note() {
        let service = Router::new()
            .fallback(panic)
            .layer(CatchPanicLayer::custom(super::response));
        let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains("secret"));
        let status = response.extensions().get::<Status>().unwrap();
        let error = status.source().unwrap().downcast_ref::<Error>();
        assert!(matches!(error, Some(Error::Internal { .. })));
    }
}
