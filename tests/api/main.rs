//! The tests of the service through its calls: a real server on a free port, with a database of its own for each test.

mod channels;
mod custom_objects;
mod lists;
mod support;
