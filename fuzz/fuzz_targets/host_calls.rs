//! libFuzzer's program for `host_calls`; see `threadline_fuzz::host_calls::run`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::host_calls::run(data));
