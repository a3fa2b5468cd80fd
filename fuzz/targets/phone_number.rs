//! See `contact_lists::fuzzing::phone_number`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| contact_lists::fuzzing::phone_number(data));

#[cfg(not(fuzzing))]
fn main() {}
