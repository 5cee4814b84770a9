//! libFuzzer's program for `canonical_abi`; see `threadline_fuzz::values::run_with_host`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::values::run_with_host(data));
