//! Bodies, form fields and headers of requests.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| muster_api::fuzz::bodies(input));
