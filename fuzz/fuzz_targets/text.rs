//! libFuzzer's program for `text`; see `threadline_fuzz::text::run`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::text::run(data));
