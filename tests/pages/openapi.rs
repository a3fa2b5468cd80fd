//! The paths of `google.api.http` and their messages, as OpenAPI has them.

use std::collections::BTreeMap;

use contact_lists::server::transcoding::routes::{self, Route, RouteBody};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Map, Value, json};

use crate::Comments;

/// The path that no rule can say.
const CONTACTS: &str = "/v1/contact_lists/{contact_list_id}/contacts";

const INTRODUCTION: &str = "Calls of contact-lists in JSON: https://connectrpc.com has the form of errors, and docs/json.md \
    explains the rest. Names in requests can also be written as the contract has them, such as external_id.";

/// Returns the file.
pub fn openapi() -> Value {
    let mut file = File::default();
    let mut routes = Vec::new();
    for route in routes::all() {
        let is_other = routes
            .iter()
            .any(|(other, _): &(&Route, _)| other.method == route.method);
        // Each operation has an id of its own.
        let verb = route.template.rsplit(':').next().filter(|_| is_other);
        routes.push((route, verb.map_or(String::new(), |verb| format!("_{verb}"))));
    }
    for (route, suffix) in &routes {
        file.add_route(route, suffix);
    }
    file.add_contacts(&routes[0].0.method);
    file.finish()
}

#[derive(Default)]
struct File {
    paths: BTreeMap<String, Map<String, Value>>,
    schemas: BTreeMap<String, Value>,
}

impl File {
    fn add_route(&mut self, route: &Route, suffix: &str) {
        let input = route.method.input();
        let in_path: Vec<_> = route
            .template
            .split(['{', '}'])
            .skip(1)
            .step_by(2)
            .collect();
        let mut parameters: Vec<_> = in_path
            .iter()
            .map(|path| {
                let field = field_at(&input, path);
                json!({
                    "name": last_name(path), "in": "path", "required": true,
                    "description": comment(&field), "schema": self.field_schema(&field),
                })
            })
            .collect();
        if route.body != Some(RouteBody::Whole) {
            let of_body = match &route.body {
                Some(RouteBody::Field(name)) => Some(name.as_str()),
                _ => None,
            };
            for field in input.fields().filter(|field| Some(field.name()) != of_body) {
                self.add_parameters(&field, "", &in_path, &mut parameters);
            }
        }
        let body = route.body.as_ref().map(|body| match body {
            RouteBody::Whole => self.message_schema(&input),
            RouteBody::Field(name) => self.field_schema(&field_at(&input, name)),
        });
        let verb = route.verb.as_str().to_ascii_lowercase();
        let operation = self.operation(&route.method, suffix, &parameters, body);
        let template = in_path
            .iter()
            .fold(route.template.clone(), |template, path| {
                template.replace(path, last_name(path))
            });
        self.paths
            .entry(template)
            .or_default()
            .insert(verb, operation);
    }

    /// Adds what can be in the query: a field, or the fields of one that is a message.
    fn add_parameters(
        &mut self,
        field: &FieldDescriptor,
        prefix: &str,
        in_path: &[&str],
        parameters: &mut Vec<Value>,
    ) {
        let name = format!("{prefix}{}", field.name());
        let is_told = |path: &&str| {
            let told = field.parent_message().get_field_by_name(path);
            let told_oneof = told.and_then(|it| it.containing_oneof());
            **path == name || told_oneof.is_some_and(|it| field.containing_oneof() == Some(it))
        };
        if in_path.iter().any(is_told) {
            return;
        }
        match field.kind() {
            Kind::Message(inner) if well_known(&inner).is_none() => {
                for field in inner.fields() {
                    self.add_parameters(&field, &format!("{name}."), in_path, parameters);
                }
            }
            _ => parameters.push(json!({
                "name": name, "in": "query",
                "description": comment(field), "schema": self.field_schema(field),
            })),
        }
    }

    /// Adds the main call.
    fn add_contacts(&mut self, any: &MethodDescriptor) {
        let pool = any.parent_pool();
        let service = pool.get_service_by_name("contactlists.v1.ContactListService");
        let mut methods = service.expect("the service").methods().collect::<Vec<_>>();
        methods.retain(|method| method.name() == "UpdateContactListContacts");
        let method = methods.pop().expect("the main call");
        let header = field_at(&method.input(), "header");
        let Kind::Message(header) = header.kind() else {
            panic!("the header is no message");
        };
        let id = field_at(&header, "contact_list_id");
        let mut schema = self.object(&header);
        let contacts = self.field_schema(&field_at(&method.input(), "contacts"));
        let fields = schema["properties"].as_object_mut().expect("fields");
        fields.remove(id.json_name());
        fields["action"] = json!({"enum": ["add", "remove", "overwrite"], "description": fields["action"]["description"]});
        fields["rejectionPolicy"] = json!({"enum": ["reject_all", "skip"], "description": fields["rejectionPolicy"]["description"]});
        fields.insert("contacts".to_owned(), contacts);
        schema["required"] = json!(["action", "contacts"]);
        let parameter = json!({
            "name": "contact_list_id", "in": "path", "required": true,
            "description": comment(&id), "schema": {"type": "string"},
        });
        let operation = self.operation(&method, "", &[parameter], Some(schema));
        let path = self.paths.entry(CONTACTS.to_owned()).or_default();
        path.insert("put".to_owned(), operation);
    }

    fn operation(
        &mut self,
        method: &MethodDescriptor,
        suffix: &str,
        parameters: &[Value],
        body: Option<Value>,
    ) -> Value {
        let output = self.message_schema(&method.output());
        let content_type = match method.is_server_streaming() {
            true => "application/x-ndjson",
            false => "application/json",
        };
        let mut operation = json!({
            "operationId": format!("{}{suffix}", method.name()),
            "tags": [method.parent_service().name()],
            "description": Comments::of(method.parent_file().file_descriptor_proto()).text(method.path()),
            "parameters": parameters,
            "responses": {
                "200": {"description": "The response.", "content": {content_type: {"schema": output}}},
                "default": {"$ref": "#/components/responses/Error"},
            },
        });
        if let Some(schema) = body {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        operation
    }

    fn field_schema(&mut self, field: &FieldDescriptor) -> Value {
        let one = match field.kind() {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "format": "int32"})
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "int64"})
            }
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "format": "byte"}),
            Kind::Enum(values) => self.enum_schema(&values),
            Kind::Message(message) => self.message_schema(&message),
        };
        if field.is_list() {
            json!({"type": "array", "items": one})
        } else {
            one
        }
    }

    fn enum_schema(&mut self, values: &EnumDescriptor) -> Value {
        let names: Vec<_> = values
            .values()
            .map(|value| value.name().to_owned())
            .collect();
        let comment =
            Comments::of(values.parent_file().file_descriptor_proto()).text(values.path());
        let schema = json!({"type": "string", "enum": names, "description": comment});
        self.schemas.insert(values.full_name().to_owned(), schema);
        json!({"$ref": format!("#/components/schemas/{}", values.full_name())})
    }

    fn message_schema(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message) {
            return schema;
        }
        let name = message.full_name().to_owned();
        if !self.schemas.contains_key(&name) {
            // A message can contain itself.
            self.schemas.insert(name.clone(), Value::Null);
            let schema = self.object(message);
            self.schemas.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn object(&mut self, message: &MessageDescriptor) -> Value {
        let mut fields = Map::new();
        for field in message.fields() {
            let mut schema = self.field_schema(&field);
            schema["description"] = comment(&field).into();
            fields.insert(field.json_name().to_owned(), schema);
        }
        let comments = Comments::of(message.parent_file().file_descriptor_proto());
        json!({"type": "object", "description": comments.text(message.path()), "properties": fields})
    }

    fn finish(self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {"title": "contact-lists", "version": "v1", "description": INTRODUCTION, "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"}},
            "servers": [{"url": "http://127.0.0.1:50051"}],
            "security": [{"apiKey": []}],
            "paths": self.paths,
            "components": {
                "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
                "responses": {"Error": {
                    "description": "The error.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }},
                "schemas": with_error(self.schemas),
            },
        })
    }
}

fn with_error(mut schemas: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let text = json!({"type": "string"});
    let detail = json!({
        "type": "object",
        "properties": {"type": text, "value": text, "debug": {"type": "object"}},
    });
    let error = json!({
        "type": "object",
        "properties": {"code": text, "message": text, "details": {"type": "array", "items": detail}},
    });
    schemas.insert("Error".to_owned(), error);
    schemas
}

/// The schemas of messages that JSON writes in a way of their own.
fn well_known(message: &MessageDescriptor) -> Option<Value> {
    match message.full_name() {
        "google.protobuf.Timestamp" => Some(json!({"type": "string", "format": "date-time"})),
        "google.protobuf.Duration" | "google.protobuf.FieldMask" => Some(json!({"type": "string"})),
        "google.protobuf.Struct" => Some(json!({"type": "object"})),
        "google.protobuf.Value" => Some(json!({})),
        _ => None,
    }
}

/// Returns the name of the field at a path: paths of one resource have the same.
fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Returns the field at a path such as "contact_list.id".
fn field_at(message: &MessageDescriptor, path: &str) -> FieldDescriptor {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = message
        .get_field_by_name(name)
        .expect("a field of the path");
    match field.kind() {
        Kind::Message(inner) if !rest.is_empty() => field_at(&inner, rest),
        _ => field,
    }
}

fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_file();
    Comments::of(file.file_descriptor_proto()).text(field.path())
}
