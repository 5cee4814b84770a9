//! libFuzzer's program for `images`; see `threadline_fuzz::images::run`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::images::run(data));
