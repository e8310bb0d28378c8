//! Any two strings as Topic Filter and Topic Name.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/hostile/topic_filter.rs"]
mod topic_filter;

fuzz_target!(|text: &str| topic_filter::check(text));
