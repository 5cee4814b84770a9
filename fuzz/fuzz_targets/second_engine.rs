//! libFuzzer's program for `second_engine`; see `threadline_fuzz::second_engine::run`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::second_engine::run(data));
