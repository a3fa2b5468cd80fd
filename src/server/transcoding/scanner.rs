//! JSON objects in text that arrives in parts: where each begins and ends, before any of it is parsed.

use prost::bytes::{Buf, BytesMut};
use tonic::Status;

use super::incoming::{Incoming, malformed};
use crate::error::Error;

/// The most elements and fields that are parsed at once. The largest valid messages have a few thousand.
const MAX_VALUES: usize = 80_000;

/// What a body consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One object.
    One,
    /// One object, or an array of objects.
    OneOrArray,
    /// Objects, one after another.
    Lines,
}

/// Takes a body apart into its objects.
pub struct Objects {
    shape: Shape,
    /// Whether an object is parsed at once, or one element of its lists after another.
    at_once: bool,
    position: Position,
    is_array: bool,
    /// How many objects there were.
    pub count: u64,
}

enum Position {
    /// Before an object, or before the array of all.
    Start,
    /// Before an element of the array, or before its end.
    Element {
        can_close: bool,
    },
    Inside(Scanner),
    AfterElement,
    /// After all that belongs to the body.
    Closed,
}

impl Objects {
    /// Begins with the body's first byte.
    pub fn new(shape: Shape, at_once: bool) -> Self {
        Self {
            shape,
            at_once,
            position: Position::Start,
            is_array: false,
            count: 0,
        }
    }

    /// Waits for the next object. Returns `None` once the body has ended, and is whole.
    pub async fn next(&mut self, incoming: &mut Incoming) -> Result<Option<BytesMut>, Status> {
        loop {
            if let Some(length) = self.find(&mut incoming.buffer)? {
                incoming.check_size(length)?;
                self.count += 1;
                return Ok(Some(incoming.buffer.split_to(length)));
            }
            incoming.check_size(incoming.buffer.len())?;
            if !incoming.more().await? {
                self.finish()?;
                return Ok(None);
            }
        }
    }

    /// Waits for the one object of a body, and for its end. Returns nothing if there is none.
    pub async fn only(&mut self, incoming: &mut Incoming) -> Result<BytesMut, Status> {
        let Some(object) = self.next(incoming).await? else {
            return Ok(BytesMut::new());
        };
        self.next(incoming).await?;
        Ok(object)
    }

    /// Drops what is between objects. Returns the length of the object at the beginning of `buffer`, if all of it is there.
    fn find(&mut self, buffer: &mut BytesMut) -> Result<Option<usize>, Error> {
        loop {
            if let Position::Inside(scanner) = &mut self.position {
                let Some(length) = scanner.end(buffer) else {
                    return Ok(None);
                };
                scanner.check(self.at_once)?;
                self.position = match self.shape {
                    Shape::Lines => Position::Start,
                    _ if self.is_array => Position::AfterElement,
                    _ => Position::Closed,
                };
                return Ok(Some(length));
            }
            let blanks = buffer.iter().take_while(|byte| is_blank(**byte)).count();
            buffer.advance(blanks);
            let Some(byte) = buffer.first() else {
                return Ok(None);
            };
            self.position = match (&self.position, byte) {
                (Position::Start | Position::Element { .. }, b'{') => {
                    Position::Inside(Scanner::default())
                }
                (Position::Start, b'[') if self.shape == Shape::OneOrArray => {
                    self.is_array = true;
                    Position::Element { can_close: true }
                }
                (Position::Element { can_close: true } | Position::AfterElement, b']') => {
                    Position::Closed
                }
                (Position::AfterElement, b',') => Position::Element { can_close: false },
                (Position::Closed, _) => {
                    return Err(malformed("there is more after the JSON value"));
                }
                _ => {
                    let problem =
                        format!("a JSON object was expected after {} of them", self.count);
                    return Err(malformed(problem));
                }
            };
            if !matches!(self.position, Position::Inside(_)) {
                buffer.advance(1);
            }
        }
    }

    /// Fails if the body ends before it is whole. One without a value is whole.
    fn finish(&self) -> Result<(), Error> {
        match self.position {
            Position::Start | Position::Closed => Ok(()),
            _ => Err(malformed("the JSON ends before it is complete")),
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Returns the one object of a text that is all there; nothing if there is none.
pub fn only(mut text: BytesMut) -> Result<BytesMut, Error> {
    let mut objects = Objects::new(Shape::One, false);
    let length = objects.find(&mut text)?;
    let object = text.split_to(length.unwrap_or(0));
    objects.find(&mut text)?;
    objects.finish().map(|()| object)
}

/// Returns the objects of a text that arrives in `parts`, and whether it is whole after them.
#[cfg(any(fuzzing, test))]
pub fn objects_of(shape: Shape, parts: &[&[u8]]) -> Result<(Vec<BytesMut>, bool), Error> {
    let mut objects = Objects::new(shape, shape == Shape::One);
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for part in parts {
        buffer.extend_from_slice(part);
        while let Some(length) = objects.find(&mut buffer)? {
            found.push(buffer.split_to(length));
        }
    }
    Ok((found, objects.finish().is_ok()))
}

/// Looks for the end of an object, and counts what is in it.
#[derive(Default)]
struct Scanner {
    /// How far it has come.
    at: usize,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    /// Whether a list is what is one level below the object.
    is_in_list: bool,
    /// How many values there are since the last element of such a list.
    values: usize,
    /// How many values such an element has, at most.
    element_values: usize,
    all_values: usize,
}

impl Scanner {
    /// Returns the length of the object, if `text` has all of it. The next call goes on where this one has ended.
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        while let Some(&byte) = text.get(self.at) {
            self.at += 1;
            if self.is_in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.is_in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.open(byte),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.end_element();
                        return Some(self.at);
                    }
                }
                b',' => {
                    self.values += 1;
                    if self.depth == 2 && self.is_in_list {
                        self.end_element();
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn open(&mut self, byte: u8) {
        self.depth += 1;
        self.values += 1;
        if self.depth == 2 {
            self.is_in_list = byte == b'[';
        }
    }

    fn end_element(&mut self) {
        self.element_values = self.element_values.max(self.values);
        self.all_values += std::mem::take(&mut self.values);
    }

    /// Fails if what is parsed at once has too many values: all of the object, or an element of one of its lists.
    fn check(&self, at_once: bool) -> Result<(), Error> {
        let values = if at_once {
            self.all_values
        } else {
            self.element_values
        };
        if values > MAX_VALUES {
            return Err(Error::MessageTooManyValues { limit: MAX_VALUES });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The objects of a text that arrives in two parts, and whether it is whole then.
    fn objects(shape: Shape, text: &str, cut: usize) -> Result<(Vec<BytesMut>, bool), Error> {
        let (before, after) = text.as_bytes().split_at(cut);
        objects_of(shape, &[before, after])
    }

    #[test]
    fn objects_are_found_however_the_text_is_cut() {
        let two = [r#"{"a": "}]\"{"}"#, r#"{"b": [{}, [1]]}"#];
        for (shape, text) in [
            (Shape::Lines, two.join("\n")),
            (Shape::Lines, format!(" {}{}\r\n", two[0], two[1])),
            (Shape::OneOrArray, format!("[{}, {}]\n", two[0], two[1])),
        ] {
            for cut in 0..=text.len() {
                let (found, is_whole) = objects(shape, &text, cut).expect("objects");
                assert_eq!(found, two);
                assert!(is_whole, "{text}");
            }
        }
    }

    #[test]
    fn a_closed_value_is_not_whole_before_its_last_byte() {
        for (shape, text) in [
            (Shape::One, r#"{"a": {"b": "}"}}"#),
            (Shape::OneOrArray, r#"[{"a": 1}, {"b": [2]}]"#),
        ] {
            for end in 1..text.len() {
                let cut = objects(shape, &text[..end], 0).expect("a beginning");
                assert!(!cut.1, "{}", &text[..end]);
            }
            assert!(objects(shape, text, 0).expect("a whole value").1);
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for (shape, text) in [
            (Shape::One, "[{}]"),
            (Shape::One, "{} {}"),
            (Shape::One, "1"),
            (Shape::OneOrArray, "[1]"),
            (Shape::OneOrArray, "[{}{}]"),
            (Shape::OneOrArray, "[{},]"),
            (Shape::OneOrArray, "[{}],"),
            (Shape::OneOrArray, "{}{}"),
            (Shape::Lines, "{},{}"),
            (Shape::Lines, "[{}]"),
        ] {
            assert!(objects(shape, text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn elements_of_lists_are_counted_each_for_itself() {
        let list = |element: &str, count: usize| {
            format!(r#"{{"contacts": [{}]}}"#, vec![element; count].join(","))
        };
        let many = list("{}", MAX_VALUES);
        assert!(objects(Shape::OneOrArray, &many, 0).is_ok());
        assert!(objects(Shape::One, &many, 0).is_err());
        let large = list(&list("0", MAX_VALUES), 1);
        assert!(objects(Shape::OneOrArray, &large, 0).is_err());
    }
}
