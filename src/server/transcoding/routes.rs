//! The paths of `google.api.http`, as proto/ has them: from a method, a path, a query and a body to a call's request.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value};
use serde_json::{Map, Value as Json};
use tonic::codegen::http::Method;

use super::{contract, incoming::malformed, message};
use crate::error::Error;

/// All paths of all calls.
static ROUTES: LazyLock<Vec<Route>> =
    LazyLock::new(|| contract::methods().flat_map(routes_of).collect());

/// A path of a call.
pub struct Route {
    /// HTTP's method.
    pub verb: Method,
    /// The path as it is written in the contract.
    pub template: String,
    /// The call.
    pub method: MethodDescriptor,
    /// What the body is, if there may be one: a field of the request, or all of it.
    pub body: Option<RouteBody>,
}

/// What the body of a request is.
#[derive(Clone, PartialEq, Eq)]
pub enum RouteBody {
    /// The call's request.
    Whole,
    /// A field of it.
    Field(String),
}

/// Returns all paths of all calls.
pub fn all() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter()
}

/// The request of a call, as far as its path and its query give it.
pub(super) struct BoundRequest {
    descriptor: MessageDescriptor,
    body: Option<RouteBody>,
    /// The fields' paths, with their values.
    values: Vec<(String, String)>,
}

/// Returns the call that `verb` and `path` name, with what they and the query say of its request.
pub(super) fn find(
    verb: &Method,
    path: &str,
    query: Option<&str>,
) -> Option<(&'static MethodDescriptor, BoundRequest)> {
    ROUTES.iter().find_map(|route| {
        let mut values = (route.verb == *verb).then(|| variables(&route.template, path))??;
        let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        values.extend(query.into_owned());
        let bound = BoundRequest {
            descriptor: route.method.input(),
            body: route.body.clone(),
            values,
        };
        Some((&route.method, bound))
    })
}

/// Returns the values of the variables of `template` in `path`, if it matches: "/v1/things/{id}:verb".
pub(super) fn variables(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (mut names, mut parts) = (template.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        let (name, part) = match (names.next(), parts.next()) {
            (None, None) => return Some(values),
            (name, part) => (name?, part?),
        };
        let (name, part) = match name.split_once(':') {
            Some((name, verb)) => (name, part.strip_suffix(verb)?.strip_suffix(':')?),
            None if part.contains(':') => return None,
            None => (name, part),
        };
        match name.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(_) if part.is_empty() => return None,
            Some(variable) => {
                let value = percent_decode_str(part).decode_utf8().ok()?;
                values.push((variable.to_owned(), value.into_owned()));
            }
            None if name == part => {}
            None => return None,
        }
    }
}

impl BoundRequest {
    /// Returns the request, with what its body has.
    pub(super) fn request(&self, text: &[u8]) -> Result<DynamicMessage, Error> {
        let mut object = Map::new();
        if !text.is_empty() {
            let Some(body) = &self.body else {
                return Err(malformed("this call takes no body"));
            };
            let json: Json =
                serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
            match (body, json) {
                (RouteBody::Whole, Json::Object(fields)) => object = fields,
                (RouteBody::Field(name), json @ Json::Object(_)) => {
                    object.insert(name.clone(), json);
                }
                _ => return Err(malformed("the body is no JSON object")),
            }
        }
        for (path, value) in &self.values {
            insert(&mut object, &self.descriptor, path, value)?;
        }
        message::parse(&self.descriptor, object)
    }
}

/// Sets the field at `path`, such as "contact_list.id". One that is in the body as well must not differ.
fn insert(
    object: &mut Map<String, Json>,
    descriptor: &MessageDescriptor,
    path: &str,
    value: &str,
) -> Result<(), Error> {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = descriptor.get_field_by_name(name);
    let field = field.or_else(|| descriptor.get_field_by_json_name(name));
    let unknown = || malformed(format!("there is no parameter {path}"));
    let field = field.ok_or_else(unknown)?;
    // A body can spell it either way.
    let key = match object.contains_key(field.json_name()) {
        true => field.json_name(),
        false => field.name(),
    };
    let key = key.to_owned();
    if let Some(rest) = rest {
        let Kind::Message(inner) = field.kind() else {
            return Err(unknown());
        };
        let inside = object
            .entry(key)
            .or_insert_with(|| Json::Object(Map::new()));
        let inside = inside.as_object_mut().ok_or_else(unknown)?;
        return insert(inside, &inner, rest, value);
    }
    let json = match field.kind() {
        Kind::Bool => match value {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => return Err(malformed(format!("{path} is neither true nor false"))),
        },
        Kind::Message(inner) if inner.full_name() == "google.protobuf.FieldMask" => {
            camel_case(value).into()
        }
        _ => value.into(),
    };
    if field.is_list() {
        let list = object.entry(key).or_insert_with(|| Json::Array(Vec::new()));
        list.as_array_mut().ok_or_else(unknown)?.push(json);
        return Ok(());
    }
    match object.insert(key, json.clone()) {
        Some(other) if other != json => Err(malformed(format!("{path} is given twice"))),
        _ => Ok(()),
    }
}

/// Writes the paths of a field mask as JSON has them.
fn camel_case(paths: &str) -> String {
    let mut is_upper = false;
    let characters = paths.chars().filter_map(|character| {
        let was_upper = std::mem::replace(&mut is_upper, character == '_');
        match character {
            '_' => None,
            _ if was_upper => Some(character.to_ascii_uppercase()),
            _ => Some(character),
        }
    });
    characters.collect()
}

/// Returns the paths in a call's options.
fn routes_of(method: &'static MethodDescriptor) -> Vec<Route> {
    let pool = method.parent_pool();
    let Some(extension) = pool.get_extension_by_name("google.api.http") else {
        return Vec::new();
    };
    let options = method.options();
    let rule = options.get_extension(&extension);
    let Some(rule) = rule.as_message() else {
        return Vec::new();
    };
    let others = rule.get_field_by_name("additional_bindings");
    let others = others.as_deref().and_then(Value::as_list).unwrap_or(&[]);
    let others = others.iter().filter_map(Value::as_message);
    let rules = [rule].into_iter().chain(others);
    rules.filter_map(|rule| route(method, rule)).collect()
}

fn route(method: &MethodDescriptor, rule: &DynamicMessage) -> Option<Route> {
    let text = |name| {
        let value = rule.get_field_by_name(name)?;
        value
            .as_str()
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
    };
    let verbs = [
        ("get", Method::GET),
        ("put", Method::PUT),
        ("post", Method::POST),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
    ];
    let (verb, template) = verbs
        .into_iter()
        .find_map(|(name, verb)| Some((verb, text(name)?)))?;
    let body = text("body").map(|body| match body.as_str() {
        "*" => RouteBody::Whole,
        _ => RouteBody::Field(body),
    });
    Some(Route {
        verb,
        template,
        method: method.clone(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_the_values_of_the_variables() {
        let id = |value: &str| Some(vec![("id".to_owned(), value.to_owned())]);
        assert_eq!(variables("/v1/things/{id}", "/v1/things/7"), id("7"));
        assert_eq!(variables("/v1/things/{id}", "/v1/things/a%2Fb"), id("a/b"));
        assert_eq!(variables("/v1/things/{id}:go", "/v1/things/7:go"), id("7"));
        assert_eq!(variables("/v1/{id}/of", "/v1/7/of"), id("7"));
        assert_eq!(variables("/v1/all:go", "/v1/all:go"), Some(vec![]));
    }

    #[test]
    fn another_path_does_not_match() {
        for (template, path) in [
            ("/v1/things/{id}", "/v1/things/"),
            ("/v1/things/{id}", "/v1/things"),
            ("/v1/things/{id}", "/v1/things/7/of"),
            ("/v1/things/{id}", "/v1/things/7:go"),
            ("/v1/things/{id}:go", "/v1/things/7"),
            ("/v1/things/{id}:go", "/v1/things/:go"),
            ("/v1/things/{id}", "/v1/others/7"),
            ("/v1/things/{id}", "/v1/things/%FF"),
        ] {
            assert_eq!(variables(template, path), None, "{path}");
        }
    }

    #[test]
    fn every_path_names_fields_of_its_request() {
        assert!(!ROUTES.is_empty());
        for route in ROUTES.iter() {
            let path = route.template.replace(['{', '}'], "");
            let values = variables(&route.template, &path);
            let bound = BoundRequest {
                descriptor: route.method.input(),
                body: route.body.clone(),
                values: values.unwrap_or_else(|| panic!("{path} does not match itself")),
            };
            let request = bound.request(b"");
            assert!(request.is_ok(), "{}: {:?}", route.template, request.err());
        }
    }
}
