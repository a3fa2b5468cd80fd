//! See `contact_lists::fuzzing::update_message`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| contact_lists::fuzzing::update_message(data));

#[cfg(not(fuzzing))]
fn main() {}
