//! The codec of the server's calls: prost's own, preceded by a count of the values in a message.
//!
//! Two bytes on the wire can be an empty message, which takes a few hundred bytes once it is decoded: 4 MiB can become
//! gigabytes. So the values are counted on the wire, at every depth, before anything is decoded.

use std::{collections::HashMap, marker::PhantomData, sync::LazyLock};

use prost::{
    DecodeError, Message, Name,
    bytes::Buf,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstDecoder, ProstEncoder};

use crate::{FILE_DESCRIPTOR_SET, error::Error};

/// The maximum number of values in a message: elements of lists, entries of maps and nested messages, all together. The
/// largest valid messages have a few thousand.
const MAX_VALUES: usize = 20_000;

/// How deep messages may be nested: as deep as prost decodes them.
const MAX_DEPTH: usize = 100;

/// A codec that decodes `U` if it has few enough values, and encodes `T`.
pub struct CountingCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for CountingCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for CountingCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = CountingDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        CountingDecoder(ProstDecoder::default())
    }
}

/// The decoder of a [`CountingCodec`].
pub struct CountingDecoder<U>(ProstDecoder<U>);

impl<U: Message + Name + Default> Decoder for CountingDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // A message arrives in one piece: tonic gathers it first.
        check_value_count(&U::full_name(), buffer.chunk())?;
        self.0.decode(buffer)
    }
}

/// Fails if an encoded message of the type `name` has too many values.
pub fn check_value_count(name: &str, encoded: &[u8]) -> Result<(), Error> {
    if value_count(name, encoded) > MAX_VALUES {
        return Err(Error::MessageTooManyValues { limit: MAX_VALUES });
    }
    Ok(())
}

/// How many values an encoded message of the type `name` has; if there are more than [`MAX_VALUES`], one more than that.
pub fn value_count(name: &str, encoded: &[u8]) -> usize {
    let schema = &*SCHEMA;
    let Some(message_type) = schema.by_name.get(name) else {
        return 0;
    };
    let mut counter = Counter {
        schema,
        left: MAX_VALUES + 1,
    };
    // Malformed messages are left to prost.
    let _ = counter.count(*message_type, encoded, MAX_DEPTH);
    MAX_VALUES + 1 - counter.left
}

struct Counter<'a> {
    schema: &'a Schema,
    /// How many more values there may be; 0 once there were too many.
    left: usize,
}

impl Counter<'_> {
    fn count(
        &mut self,
        message_type: usize,
        mut rest: &[u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        while !rest.is_empty() && self.left > 0 {
            let (tag, wire_type) = decode_key(&mut rest)?;
            let field = self.schema.types[message_type].get(&tag);
            let Some(field) = field.filter(|_| wire_type == WireType::LengthDelimited) else {
                let repeats = field.is_some_and(|field| field.is_repeated);
                self.left -= usize::from(repeats);
                skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
                continue;
            };
            let length = decode_varint(&mut rest)?;
            let Some((value, after)) = usize::try_from(length)
                .ok()
                .and_then(|it| rest.split_at_checked(it))
            else {
                return Ok(());
            };
            rest = after;
            let count = if field.is_packed { value.len() } else { 1 };
            self.left = self.left.saturating_sub(count);
            if let Some(nested) = field.message_type
                && depth > 0
            {
                self.count(nested, value, depth - 1)?;
            }
        }
        Ok(())
    }
}

/// What the counter needs to know of the contract's messages: their fields that can hold many or large values.
#[derive(Default)]
struct Schema {
    by_name: HashMap<String, usize>,
    /// By field number.
    types: Vec<HashMap<u32, Field>>,
}

struct Field {
    is_repeated: bool,
    /// Whether its values may be packed, each in one byte or more.
    is_packed: bool,
    message_type: Option<usize>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    // The build writes the set, and a test decodes it.
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let mut messages = Vec::new();
    for file in &set.file {
        for message in &file.message_type {
            gather(file.package(), message, &mut messages);
        }
    }
    let by_name: HashMap<_, _> = messages
        .iter()
        .enumerate()
        .map(|(index, (name, _))| (name.clone(), index))
        .collect();
    let types = messages
        .iter()
        .map(|(_, message)| fields(message, &by_name))
        .collect();
    Schema { by_name, types }
});

fn gather<'a>(
    scope: &str,
    message: &'a DescriptorProto,
    messages: &mut Vec<(String, &'a DescriptorProto)>,
) {
    let name = format!("{scope}.{}", message.name());
    for nested in &message.nested_type {
        gather(&name, nested, messages);
    }
    messages.push((name, message));
}

fn fields(message: &DescriptorProto, by_name: &HashMap<String, usize>) -> HashMap<u32, Field> {
    let described = message.field.iter().filter_map(|field| {
        let is_repeated = field.label() == Label::Repeated;
        let message_type = by_name
            .get(field.type_name().trim_start_matches('.'))
            .copied();
        let is_text = matches!(field.r#type(), Type::String | Type::Bytes);
        let described = Field {
            is_repeated,
            is_packed: is_repeated && message_type.is_none() && !is_text,
            message_type,
        };
        let number = u32::try_from(field.number()).ok()?;
        (is_repeated || message_type.is_some()).then_some((number, described))
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use prost_types::{ListValue, Struct, Value, value::Kind};

    use super::*;
    use crate::proto::{Contact, ContactReference, OptOutRequest, UpdateContactRequest};

    fn is_taken<M: Message + Name>(message: &M) -> bool {
        check_value_count(&M::full_name(), &message.encode_to_vec()).is_ok()
    }

    fn opt_out(contact_count: usize) -> OptOutRequest {
        OptOutRequest {
            contacts: vec![ContactReference::default(); contact_count],
            ..OptOutRequest::default()
        }
    }

    #[test]
    fn elements_of_lists_are_counted() {
        assert!(is_taken(&opt_out(20_000)));
        assert!(!is_taken(&opt_out(20_001)));
    }

    #[test]
    fn values_are_counted_at_every_depth() {
        let update = |value_count| {
            let values = vec![Value::default(); value_count];
            let list = Value {
                kind: Some(Kind::ListValue(ListValue { values })),
            };
            let properties = Struct {
                fields: [("list".to_owned(), list)].into(),
            };
            UpdateContactRequest {
                contact: Some(Contact {
                    properties: Some(properties),
                    ..Contact::default()
                }),
                ..UpdateContactRequest::default()
            }
        };
        assert!(is_taken(&update(MAX_VALUES - 10)));
        assert!(!is_taken(&update(MAX_VALUES)));
    }

    #[test]
    fn a_message_that_is_cut_is_left_to_prost() {
        let encoded = opt_out(3).encode_to_vec();
        let name = OptOutRequest::full_name();
        assert!(check_value_count(&name, &encoded[..encoded.len() - 1]).is_ok());
    }

    #[test]
    fn the_schema_knows_every_message_of_the_contract() {
        assert!(SCHEMA.by_name.contains_key("contactlists.v1.OptOutRequest"));
        assert!(
            SCHEMA
                .by_name
                .contains_key("google.protobuf.Struct.FieldsEntry")
        );
    }
}
