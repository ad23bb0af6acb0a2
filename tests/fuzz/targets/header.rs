//! Headings, and what they are mapped to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|input: (Vec<String>, BTreeMap<String, String>, u8)| {
    let (headings, mapping, choice) = input;
    muster_worker::fuzz::header(&headings, &mapping, choice);
});
