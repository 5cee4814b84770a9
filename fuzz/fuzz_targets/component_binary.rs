//! libFuzzer's program for `component_binary`; see `threadline_fuzz::binaries::run_component`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::binaries::run_component(data));
