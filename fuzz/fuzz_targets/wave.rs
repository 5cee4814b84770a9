//! libFuzzer's program for `wave`; see `threadline_fuzz::wave_text::run`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadline_fuzz::wave_text::run(data));
