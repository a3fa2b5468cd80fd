//! Between JSON and messages on the wire, by the contract's descriptors.

use std::fmt;

use prost::{
    Message,
    bytes::BufMut,
    encoding::{self, WireType},
};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, SerializeOptions,
    Value,
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value as Json};

use super::incoming::malformed;
use crate::error::Error;

/// A message of a stream is divided where its elements have so many bytes, so that it takes nothing from the budget of
/// large messages.
const DIVIDE_BYTES: usize = 32 * 1024;

/// Parses JSON text as a message of the type `descriptor`, and encodes it.
pub fn encode(descriptor: &MessageDescriptor, text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let message = DynamicMessage::deserialize(descriptor.clone(), &mut deserializer);
    let message = message.map_err(|error| malformed(error.to_string()))?;
    Ok(message.encode_to_vec())
}

/// Parses a JSON object as a message of the type `descriptor`.
pub fn parse(
    descriptor: &MessageDescriptor,
    object: Map<String, Json>,
) -> Result<DynamicMessage, Error> {
    let message = DynamicMessage::deserialize(descriptor.clone(), Json::Object(object));
    message.map_err(|error| malformed(error.to_string()))
}

/// Writes an encoded message of the type `descriptor` as JSON, with its fields that are 0, empty or false.
pub fn print(descriptor: &MessageDescriptor, encoded: &[u8]) -> Result<Vec<u8>, Error> {
    let message = DynamicMessage::decode(descriptor.clone(), encoded).map_err(Error::internal)?;
    let mut text = Vec::with_capacity(2 * encoded.len());
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut serializer = serde_json::Serializer::new(&mut text);
    let written = message.serialize_with_options(&mut serializer, &options);
    written.map_err(Error::internal)?;
    Ok(text)
}

/// Appends a message of gRPC's framing, of the parts of its encoding.
pub fn frame(frames: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    frames.put_u8(0);
    frames.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    for part in parts {
        frames.extend_from_slice(part);
    }
}

/// The type of the messages of a client's stream. They are parsed one element of their list after another, since a parsed
/// element takes many times as much memory as an encoded one.
pub struct StreamInput {
    descriptor: MessageDescriptor,
    /// The first list of messages.
    elements: Option<FieldDescriptor>,
    /// Whether a message had a footer.
    has_footer: bool,
    /// How many elements there were.
    count: i64,
}

/// The field that ends a stream, and what it counts.
const FOOTER: (&str, &str) = ("footer", "contact_count");

impl StreamInput {
    /// The messages that `method` takes. If it takes one only, its list is a field like others.
    pub fn new(method: &MethodDescriptor) -> Self {
        let descriptor = method.input();
        let is_elements = |field: &FieldDescriptor| {
            field.is_list()
                && matches!(field.kind(), Kind::Message(_))
                && method.is_client_streaming()
        };
        let elements = descriptor.fields().find(is_elements);
        Self {
            descriptor,
            elements,
            has_footer: false,
            count: 0,
        }
    }

    /// Parses a message.
    pub fn parse(&mut self, text: &[u8]) -> Result<Parts, Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let elements = self.elements.as_ref();
        let parts = deserializer.deserialize_map(PartsVisitor { elements });
        let parts = parts.map_err(|error| malformed(error.to_string()))?;
        self.count += parts.count;
        Ok(parts)
    }

    /// Encodes a message, as one or more messages of gRPC's framing: fields that come before the list in the contract are
    /// in the first, and those that come after it are in the last.
    pub fn frames(&mut self, parts: Parts) -> Result<Vec<u8>, Error> {
        let others = parse(&self.descriptor, parts.others)?;
        self.has_footer |= others.has_field_by_name(FOOTER.0);
        let list = self.elements.as_ref().map_or(0, FieldDescriptor::number);
        let (mut head, mut tail) = (others.clone(), others);
        for field in self.descriptor.fields() {
            let not_there = if field.number() < list {
                &mut tail
            } else {
                &mut head
            };
            not_there.clear_field(&field);
        }
        let (head, tail) = (head.encode_to_vec(), tail.encode_to_vec());
        let mut frames = Vec::new();
        match parts.chunks.as_slice() {
            [] => frame(&mut frames, &[&head, &tail]),
            [one] => frame(&mut frames, &[&head, one, &tail]),
            [first, middle @ .., last] => {
                frame(&mut frames, &[&head, first]);
                for chunk in middle {
                    frame(&mut frames, &[chunk]);
                }
                frame(&mut frames, &[last, &tail]);
            }
        }
        Ok(frames)
    }

    /// Returns the end of a stream whose end is proven: its footer, if it can have one and had none.
    pub fn proven_end(&self) -> Option<Vec<u8>> {
        let (name, count) = FOOTER;
        let footer = self.descriptor.get_field_by_name(name)?;
        let Kind::Message(footer_type) = footer.kind() else {
            return None;
        };
        let count = footer_type.get_field_by_name(count)?;
        if self.has_footer {
            return None;
        }
        let value = match count.kind() {
            Kind::Int32 => Value::I32(i32::try_from(self.count).unwrap_or(i32::MAX)),
            _ => Value::I64(self.count),
        };
        let mut message = DynamicMessage::new(footer_type);
        message.set_field(&count, value);
        let mut end = DynamicMessage::new(self.descriptor.clone());
        end.set_field(&footer, Value::Message(message));
        let mut frames = Vec::new();
        frame(&mut frames, &[&end.encode_to_vec()]);
        Some(frames)
    }
}

/// A message of a stream, in parts.
#[derive(Default)]
pub struct Parts {
    /// All fields except the list.
    pub others: Map<String, Json>,
    /// The elements of the list, encoded as a field.
    chunks: Vec<Vec<u8>>,
    count: i64,
}

impl Parts {
    fn add(&mut self, field: &FieldDescriptor, element: &DynamicMessage) {
        let is_full = |chunk: &Vec<u8>| chunk.len() >= DIVIDE_BYTES;
        if self.chunks.last().is_none_or(is_full) {
            self.chunks.push(Vec::new());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            encoding::encode_key(field.number(), WireType::LengthDelimited, chunk);
            encoding::encode_varint(element.encoded_len() as u64, chunk);
            element.encode_raw(chunk);
        }
        self.count += 1;
    }
}

/// Parses a message of a stream, with `elements` as its list.
struct PartsVisitor<'a> {
    elements: Option<&'a FieldDescriptor>,
}

impl<'de> Visitor<'de> for PartsVisitor<'_> {
    type Value = Parts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
        let (mut parts, mut has_list) = (Parts::default(), false);
        while let Some(name) = map.next_key::<String>()? {
            let is_list =
                |field: &&FieldDescriptor| [field.name(), field.json_name()].contains(&&*name);
            let is_repeated = match self.elements.filter(is_list) {
                Some(field) => {
                    let parts = &mut parts;
                    map.next_value_seed(Elements { field, parts })?;
                    std::mem::replace(&mut has_list, true)
                }
                None => {
                    let value = map.next_value()?;
                    parts.others.insert(name.clone(), value).is_some()
                }
            };
            if is_repeated {
                return Err(A::Error::custom(format!("{name} is given twice")));
            }
        }
        Ok(parts)
    }
}

/// The list of a message of a stream.
struct Elements<'a> {
    field: &'a FieldDescriptor,
    parts: &'a mut Parts,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Kind::Message(element_type) = self.field.kind() else {
            return Ok(());
        };
        loop {
            let element = list.next_element_seed(element_type.clone());
            let element = element.map_err(|error| {
                let (name, index) = (self.field.name(), self.parts.count);
                A::Error::custom(format!("{name}[{index}]: {error}"))
            })?;
            match element {
                Some(element) => self.parts.add(self.field, &element),
                None => return Ok(()),
            }
        }
    }
}
