//! The contract in short, as `tests/golden/contract.snap` has it: services, methods, messages and fields by their numbers.

use contact_lists::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, field_descriptor_proto::Label,
};
use test_support::assert_golden;

#[test]
fn the_contract_is_as_recorded() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a descriptor set");
    let ours = set
        .file
        .iter()
        .filter(|file| file.package() == "contactlists.v1");
    let mut lines = Vec::new();
    for file in ours {
        lines.push(format!("# {}", file.name()));
        for service in &file.service {
            lines.push(format!("service {}", service.name()));
            lines.extend(service.method.iter().map(method));
        }
        for message in &file.message_type {
            append_message(message, "", &mut lines);
        }
        for kind in &file.enum_type {
            append_enum(kind, "", &mut lines);
        }
        lines.push(String::new());
    }
    assert_golden("contract", &lines.join("\n"));
}

fn method(method: &MethodDescriptorProto) -> String {
    let stream = |is_stream: bool| if is_stream { "stream " } else { "" };
    format!(
        "  {}({}{}) returns ({}{})",
        method.name(),
        stream(method.client_streaming()),
        short(method.input_type()),
        stream(method.server_streaming()),
        short(method.output_type())
    )
}

fn append_message(message: &DescriptorProto, parent: &str, lines: &mut Vec<String>) {
    let name = format!("{parent}{}", message.name());
    lines.push(format!("message {name}"));
    lines.extend(
        message
            .field
            .iter()
            .map(|field| self::field(message, field)),
    );
    for nested in &message.nested_type {
        append_message(nested, &format!("{name}."), lines);
    }
    for kind in &message.enum_type {
        append_enum(kind, &format!("{name}."), lines);
    }
}

fn field(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let label = match field.oneof_index {
        _ if field.label() == Label::Repeated => "repeated ".to_owned(),
        _ if field.proto3_optional() => "optional ".to_owned(),
        Some(index) => format!("oneof {} ", message.oneof_decl[index as usize].name()),
        None => String::new(),
    };
    let kind = match field.type_name() {
        "" => format!("{:?}", field.r#type()).to_lowercase(),
        name => short(name).to_owned(),
    };
    format!("  {} {label}{kind} {}", field.number(), field.name())
}

fn append_enum(kind: &EnumDescriptorProto, parent: &str, lines: &mut Vec<String>) {
    lines.push(format!("enum {parent}{}", kind.name()));
    let values = kind.value.iter();
    lines.extend(values.map(|value| format!("  {} {}", value.number(), value.name())));
}

/// The name without the package that all of them have.
fn short(name: &str) -> &str {
    let name = name.trim_start_matches('.');
    name.strip_prefix("contactlists.v1.").unwrap_or(name)
}
