//! libFuzzer's program for `guest_moves`; see `threadline_fuzz::host_calls::run_patiently`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::host_calls::run_patiently(data));
