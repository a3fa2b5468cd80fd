//! See `contact_lists::fuzzing::api_key`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| contact_lists::fuzzing::api_key(data));

#[cfg(not(fuzzing))]
fn main() {}
