//! What tests do on the way to what they are about. A step that fails panics: the test is about something else.

mod lists;
mod people;
mod setup;

pub use lists::phones;

/// The most that a page gives.
const PAGE_SIZE: i32 = 500;
