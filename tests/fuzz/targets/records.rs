//! Records of a text.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| muster_worker::fuzz::records(input));
