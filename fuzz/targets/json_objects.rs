//! See `contact_lists::fuzzing::json_objects`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| contact_lists::fuzzing::json_objects(data));

#[cfg(not(fuzzing))]
fn main() {}
