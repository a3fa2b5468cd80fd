//! See `contact_lists::fuzzing::page_token`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| contact_lists::fuzzing::page_token(data));

#[cfg(not(fuzzing))]
fn main() {}
