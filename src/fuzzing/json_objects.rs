use serde_json::{Map, Value};

use crate::server::transcoding::scanner::{Shape, objects_of};

/// `data` is a shape, a place to cut, and a body in JSON. Where a body is cut into parts changes nothing; what JSON's own parser
/// takes has the same objects there; and no beginning of it is whole, so that a body that is cut off is never taken for one.
pub fn json_objects(data: &[u8]) {
    let Some((&[shape, cut], text)) = data.split_first_chunk() else {
        return;
    };
    let shape = [Shape::One, Shape::OneOrArray, Shape::Lines][usize::from(shape) % 3];
    let (before, after) = text.split_at(usize::from(cut).min(text.len()));

    let at_once = objects_of(shape, &[text]);
    let in_parts = objects_of(shape, &[before, after]);
    let bytes = text.iter().map(std::slice::from_ref).collect::<Vec<_>>();
    let by_bytes = objects_of(shape, &bytes);
    assert_eq!(at_once.as_ref().ok(), in_parts.as_ref().ok());
    assert_eq!(at_once.as_ref().ok(), by_bytes.as_ref().ok());

    let Some(expected) = parsed(shape, text) else {
        return;
    };
    let (found, is_whole) = at_once.expect("objects of valid JSON");
    assert!(is_whole);
    let parse = |object: &[u8]| serde_json::from_slice(object).expect("an object");
    let found: Vec<Map<String, Value>> = found.iter().map(|object| parse(object)).collect();
    assert_eq!(found, expected);

    // Lines can end after any object.
    if shape != Shape::Lines && before.len() < text.trim_ascii_end().len() {
        let beginning = objects_of(shape, &[before]).expect("a beginning of valid JSON");
        assert!(!beginning.1 || before.trim_ascii().is_empty());
    }
}

/// The objects of a body of this shape, if it is one.
fn parsed(shape: Shape, text: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let is_array = text.trim_ascii_start().first() == Some(&b'[');
    match shape {
        Shape::Lines => {
            let values = serde_json::Deserializer::from_slice(text).into_iter();
            values.collect::<Result<_, _>>().ok()
        }
        Shape::OneOrArray if is_array => serde_json::from_slice(text).ok(),
        _ => Some(vec![serde_json::from_slice(text).ok()?]),
    }
}
