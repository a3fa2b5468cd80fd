//! `UpdateContactListContacts`, the main call: a file per rule.

mod actions;
mod checks;
mod concurrency;
mod custom_objects;
mod fields;
mod groups;
mod idempotency;
mod identity;
mod limits;
mod number_opt_outs;
mod opt_ins;
mod phone;
mod phones;
mod properties;
mod rejections;
mod stream_shapes;
mod validate_only;
mod words;
