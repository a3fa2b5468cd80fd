//! What call a request of HTTP makes, and in which form.

use prost_reflect::MethodDescriptor;
use tonic::codegen::http::{HeaderMap, HeaderValue, Method, Uri, Version, header, request::Parts};

use super::{
    contact_list_contacts, contract,
    incoming::malformed,
    message::StreamInput,
    request::{Input, MessageForm, StreamForm},
    response::{Output, OutputForm},
    routes,
};
use crate::{error::Error, rpc::call::NeedsFooter};

/// A path that is no call's.
const UNKNOWN: &str = "/";

/// How much of a content type an error repeats.
const MAX_TYPE_CHARACTERS: usize = 64;

/// The longest timeout that gRPC can say in milliseconds.
const MAX_MILLISECONDS: u64 = 99_999_999;

/// What of HTTP's headers is not the call's.
const OF_HTTP: [header::HeaderName; 9] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::HeaderName::from_static("grpc-accept-encoding"),
    header::HeaderName::from_static("grpc-encoding"),
];

/// A call, as a request makes it.
pub struct Call {
    /// The call's path in gRPC.
    pub path: String,
    pub input: Input,
    pub output: Output,
}

impl Call {
    /// Returns the call that the request with `head` makes. One that there is not is refused as such once its caller is
    /// known.
    pub fn of(head: &Parts) -> Self {
        let (verb, path) = (&head.method, head.uri.path());
        let content_type = content_type(&head.headers);
        let mut call =
            if let Some(method) = contract::method(path).filter(|_| *verb == Method::POST) {
                Self::by_name(method, &content_type)
            } else if let Some(id) = contact_list_contacts::contact_list_id(path)
                && *verb == Method::PUT
                && let Some(method) = contract::method(contact_list_contacts::CALL)
            {
                let form = StreamForm::ContactListContacts(id);
                let input = Input::Stream(StreamInput::new(method), form);
                Self::in_json(method, input, &content_type)
            } else if let Some((method, bound)) = routes::find(verb, path, head.uri.query()) {
                let input = if method.is_client_streaming() {
                    Input::Stream(StreamInput::new(method), StreamForm::Array)
                } else {
                    Input::Message(MessageForm::Bound(bound))
                };
                Self::in_json(method, input, &content_type)
            } else {
                Self::unknown()
            };
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        if let Some(encoding) = encoding.filter(|it| {
            !["gzip", "identity"]
                .map(HeaderValue::from_static)
                .contains(it)
        }) {
            let grpc_encoding = shortened(&String::from_utf8_lossy(encoding.as_bytes()));
            call.input = Input::Refused(Error::CompressionUnsupported { grpc_encoding });
        }
        call.output.takes_gzip = accepts_gzip(&head.headers, header::ACCEPT_ENCODING.as_str());
        call
    }

    /// A call by its name, in the form that the content type says.
    fn by_name(method: &MethodDescriptor, content_type: &str) -> Self {
        let is_stream = method.is_client_streaming();
        let stream = |form| Input::Stream(StreamInput::new(method), form);
        let json = || Input::Message(MessageForm::Json(method.input()));
        let (input, form) = match content_type {
            "application/json" if is_stream => (stream(StreamForm::Array), json_form(method)),
            "application/x-ndjson" | "application/jsonl" if is_stream => {
                (stream(StreamForm::Lines), json_form(method))
            }
            "application/json" | "application/x-ndjson" | "application/jsonl" => {
                (json(), json_form(method))
            }
            "application/proto" if !is_stream && !method.is_server_streaming() => {
                (Input::Message(MessageForm::Encoded), OutputForm::Message)
            }
            "application/connect+json" => (stream(StreamForm::Frames), OutputForm::JsonFrames),
            "application/connect+proto" => (Input::Frames, OutputForm::Frames),
            other => (unsupported(other), json_form(method)),
        };
        Self::new(method, input, form)
    }

    /// A call by a path of its own, which takes JSON.
    fn in_json(method: &MethodDescriptor, input: Input, content_type: &str) -> Self {
        let input = match content_type {
            "" | "application/json" => input,
            other => unsupported(other),
        };
        Self::new(method, input, json_form(method))
    }

    fn new(method: &MethodDescriptor, input: Input, form: OutputForm) -> Self {
        Self {
            path: contract::path(method),
            input,
            output: Output {
                form,
                descriptor: Some(method.output()),
                takes_gzip: false,
            },
        }
    }

    fn unknown() -> Self {
        Self {
            path: UNKNOWN.to_owned(),
            input: Input::Refused(Error::CallUnknown),
            output: Output {
                form: OutputForm::Json,
                descriptor: None,
                takes_gzip: false,
            },
        }
    }

    /// Makes the head of the call in gRPC of that of HTTP.
    pub fn grpc_head(&self, mut head: Parts) -> Parts {
        let compression = |name| head.headers.get(name).cloned();
        let of_messages = compression("connect-content-encoding");
        let takes_gzip = accepts_gzip(&head.headers, "connect-accept-encoding");
        let timeout = timeout(&head.headers);
        for name in OF_HTTP {
            head.headers.remove(name);
        }
        let mut set = |name, value| head.headers.insert(name, value);
        set("content-type", HeaderValue::from_static("application/grpc"));
        set("te", HeaderValue::from_static("trailers"));
        if let Some(timeout) = timeout {
            set("grpc-timeout", timeout);
        }
        if let Input::Frames = self.input {
            if let Some(encoding) = of_messages {
                set("grpc-encoding", encoding);
            }
            if takes_gzip {
                set("grpc-accept-encoding", HeaderValue::from_static("gzip"));
            }
        }
        if self.input.ends_unproven() {
            head.extensions.insert(NeedsFooter);
        }
        head.method = Method::POST;
        head.version = Version::HTTP_2;
        // Names of calls are paths.
        head.uri = self.path.parse().unwrap_or_else(|_| Uri::default());
        head
    }
}

/// Returns the form of a response in JSON.
fn json_form(method: &MethodDescriptor) -> OutputForm {
    if method.is_server_streaming() {
        OutputForm::Lines
    } else {
        OutputForm::Json
    }
}

fn unsupported(content_type: &str) -> Input {
    let content_type = shortened(content_type);
    Input::Refused(malformed(format!(
        "the content type \"{content_type}\" is not supported here; application/json is"
    )))
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_TYPE_CHARACTERS).collect()
}

/// Returns the content type without its parameters.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns whether the header `name` accepts gzip.
fn accepts_gzip(headers: &HeaderMap, name: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    let mut names = values
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','));
    names.any(|name| {
        let (name, weight) = name.split_once(';').unwrap_or((name, ""));
        name.trim().eq_ignore_ascii_case("gzip") && weight.replace(' ', "") != "q=0"
    })
}

/// Returns the deadline that the Connect protocol gives, as gRPC writes it.
fn timeout(headers: &HeaderMap) -> Option<HeaderValue> {
    let text = headers.get("connect-timeout-ms")?.to_str().ok()?;
    let is_number = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let milliseconds: u64 = text.parse().ok().filter(|_| is_number)?;
    let text = if milliseconds <= MAX_MILLISECONDS {
        format!("{milliseconds}m")
    } else {
        format!("{}S", milliseconds / 1000)
    };
    text.try_into().ok()
}
