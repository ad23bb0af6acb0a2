//! Parameters of lists.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| muster_api::fuzz::parameters(query));
