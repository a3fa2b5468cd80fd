//! The end of a call: a status of gRPC, as HTTP and JSON have it. The form is that of the Connect protocol.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use prost::Message;
use prost_reflect::DynamicMessage;
use serde::Serialize;
use tonic::{Code, Status, codegen::http::StatusCode};
use tonic_types::StatusExt;

use super::contract;
use crate::error::code_name;

/// What the types of details begin with.
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// Returns the status that HTTP has for `code`.
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        // As the Connect protocol has it: "client closed request", which HTTP itself does not know.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The error that a call ended with.
#[derive(Serialize)]
pub struct ErrorJson {
    code: String,
    message: String,
    details: Vec<DetailJson>,
}

/// A detail of an error, encoded and as JSON.
#[derive(Serialize)]
struct DetailJson {
    #[serde(rename = "type")]
    name: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<DynamicMessage>,
}

impl ErrorJson {
    /// Returns the error of a `status`.
    pub fn of(status: &Status) -> Self {
        let details = tonic_types::pb::Status::decode(status.details()).unwrap_or_default();
        let code = code_name(status.code()).to_ascii_lowercase();
        Self {
            // The protocol's own spelling.
            code: code.replace("cancelled", "canceled"),
            message: status.message().to_owned(),
            details: details.details.iter().map(DetailJson::of).collect(),
        }
    }
}

impl DetailJson {
    fn of(any: &prost_types::Any) -> Self {
        let name = any.type_url.trim_start_matches(TYPE_PREFIX);
        let descriptor = contract::detail(name);
        let decode = |it| DynamicMessage::decode(it, any.value.as_slice()).ok();
        Self {
            name: name.to_owned(),
            value: BASE64_STANDARD_NO_PAD.encode(&any.value),
            debug: descriptor.and_then(decode),
        }
    }
}

/// Returns how many whole seconds to wait before the call is made again, where that can help.
pub fn retry_after(status: &Status) -> Option<u64> {
    let delay = status.get_details_retry_info()?.retry_delay?;
    Some(delay.as_secs() + u64::from(delay.subsec_nanos() > 0))
}
