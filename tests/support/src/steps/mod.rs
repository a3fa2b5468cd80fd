//! Steps that tests take before they come to their subject. A step that fails panics.

mod lists;
mod people;
mod setup;

pub use lists::phones;

/// The maximum number of items on a page.
const PAGE_SIZE: i32 = 500;
