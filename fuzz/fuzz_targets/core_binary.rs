//! libFuzzer's program for `core_binary`; see `threadline_fuzz::binaries::run_core`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::binaries::run_core(data));
