//! libFuzzer's program for `adapters`; see `threadline_fuzz::values::run_with_guest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::values::run_with_guest(data));
