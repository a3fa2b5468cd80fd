//! Calls in JSON, by the Connect protocol and by gRPC-Web, on the port of gRPC. They are translated into gRPC and then pass
//! all that calls in gRPC pass, so that keys, limits, paces, metrics and the log are the same. Calls in gRPC are not touched.

mod call;
mod contact_list_contacts;
mod contract;
mod incoming;
mod message;
mod request;
mod response;
pub mod routes;
pub(crate) mod scanner;
mod status;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either},
};
use http_body::Body as HttpBody;
use tonic::{
    codegen::{
        Bytes, StdError,
        http::{HeaderMap, HeaderName, Request, Response, Version, header},
    },
    service::Routes,
};
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};
use uuid::Uuid;

use self::{
    call::Call,
    incoming::{Incoming, TextBudget},
};
use super::{layers::authentication::bearer_key, services};
use crate::{
    domain::api_key,
    settings::{Origin, ServeSettings},
};

/// Makes the calls that requests of HTTP ask for. Cheap to clone.
#[derive(Clone)]
pub struct Transcoder {
    routes: Routes,
    max_message_bytes: usize,
    budget: Arc<TextBudget>,
    /// What browsers are told, if pages of other origins may make calls.
    cors: Option<CorsLayer>,
}

impl Transcoder {
    /// Makes the calls of `routes`.
    pub fn new(settings: &ServeSettings, routes: Routes) -> Self {
        let max_message_bytes = settings.max_message_bytes as usize;
        let budget = TextBudget::new(max_message_bytes, settings.stream_idle());
        Self {
            routes: routes.prepare(),
            max_message_bytes,
            budget: Arc::new(budget),
            cors: cors(&settings.cors_origins),
        }
    }

    /// Makes a call.
    pub fn call<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<tonic::body::Body>, Infallible>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<StdError>,
    {
        if request.version() == Version::HTTP_2 && is_grpc(request.headers()) {
            return Either::Left(self.routes.clone().call(request));
        }
        let request = request.map(Body::new);
        let response: BoxFuture<_> = match &self.cors {
            None => self.clone().translate(request).boxed(),
            Some(cors) => {
                let this = self.clone();
                let service = service_fn(move |request| this.clone().translate(request));
                cors.layer(service).oneshot(request).boxed()
            }
        };
        Either::Right(response.map(|response| response.map(|it| it.map(tonic::body::Body::new))))
    }

    async fn translate(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let mut routes = self.routes;
        if is_grpc_web(request.headers()) {
            let response = GrpcWebLayer::new().layer(routes).call(request).await?;
            return Ok(response.map(Body::new));
        }
        let (head, body) = request.into_parts();
        let call = Call::of(&head);
        let max_bytes = if services::needs_key(&call.path) {
            self.max_message_bytes
        } else {
            services::MAX_OPEN_MESSAGE_BYTES
        };
        let is_gzip = head
            .headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|it| it == "gzip");
        let key = key_of(&head.headers);
        let incoming = Incoming::new(body, is_gzip, max_bytes, self.budget, key);
        let head = call.grpc_head(head);
        let request = Request::from_parts(head, request::body(call.input, incoming));
        let response = routes.call(request).await?;
        Ok(call.output.translate(response).await)
    }
}

/// What a page of another origin may read of a response, beside what every page may.
const EXPOSED: [HeaderName; 5] = [
    header::RETRY_AFTER,
    HeaderName::from_static("connect-content-encoding"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// How long a browser may remember what it was told: as long as any does.
const CORS_MAX_AGE: Duration = Duration::from_secs(7200);

/// Returns what tells browsers that pages of `origins` may make calls, if there are any. Keys are given by the page, never by
/// the browser, so that nothing can be done with a key that the page does not have.
fn cors(origins: &[Origin]) -> Option<CorsLayer> {
    let allowed = if origins.iter().any(Origin::is_any) {
        AllowOrigin::any()
    } else {
        let values = origins.iter().map(|origin| origin.as_str().parse());
        AllowOrigin::list(values.filter_map(Result::ok))
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(CORS_MAX_AGE);
    (!origins.is_empty()).then_some(layer)
}

/// Returns whether the request is a call in gRPC, which is in no other form.
fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let rest = value.and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

fn is_grpc_web(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc-web"))
}

/// Returns what tells API keys apart. A key that is not good is refused before anything is read.
fn key_of(headers: &HeaderMap) -> Uuid {
    let hash = bearer_key(headers).map(api_key::hash).unwrap_or_default();
    let (bytes, _) = hash.split_first_chunk().unwrap_or((&[0; 16], &[]));
    Uuid::from_bytes(*bytes)
}
