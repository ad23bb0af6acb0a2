//! What an upload is taken for.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| muster_api::fuzz::upload(input));
