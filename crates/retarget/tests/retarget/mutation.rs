//! Damaged modules: an error or a success, never a panic.

use super::{SAMPLE, module_with, parse, retargeted, validate};
use threadline_retarget::{Options, StackGlobal, Wit, retarget, retarget_module};

/// Marsaglia's xorshift, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit as u64)).expect("below a usize")
    }
}

/// Modules that between them reach every part of the rewrite.
fn inputs() -> Vec<Vec<u8>> {
    let sample = parse(SAMPLE);
    let again = retargeted(&sample).module;
    let rich = module_with(
        "(@custom \".debug_line\" \"abc\")
         (import \"env\" \"f\" (func $f (param i32)))
         (tag $tag (param i32))
         (func $begin global.get $__stack_pointer call $f) (start $begin)
         (func (export \"malloc\") (param i32) (result i32) unreachable)
         (func (export \"free\") (param i32))
         (func (export \"[async-lift-stackful]work\") ref.func $f drop)",
    );
    let stripped = parse(
        "(module (memory 2) (global (mut i32) (i32.const 65536))
           (func (export \"x\") (result i32) global.get 0))",
    );
    vec![sample, again, rich, stripped]
}

/// What comes out of a damaged module that still is one must be valid too.
fn try_one(wasm: &[u8], options: &Options) -> bool {
    match retarget_module(wasm, options) {
        Ok(done) => {
            validate(&done.module);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

#[test]
fn a_module_cut_short_anywhere_is_an_error() {
    for input in inputs() {
        for length in 0..input.len() {
            // A cut between sections can leave a whole module.
            try_one(&input[..length], &Options::default());
        }
    }
}

#[test]
fn flipped_bytes_do_no_harm() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut done = 0;
    for input in inputs() {
        for _ in 0..6000 {
            let mut wasm = input.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(wasm.len());
                wasm[at] = match random.below(3) {
                    0 => wasm[at] ^ 1 << random.below(8),
                    1 => random.next().to_le_bytes()[0],
                    _ => wasm[at].wrapping_add(1),
                };
            }
            let global = match random.below(3) {
                0 => StackGlobal::Index(u32::try_from(random.below(5)).expect("below 5")),
                _ => StackGlobal::Auto,
            };
            let options = Options {
                global,
                ..Options::default()
            };
            done += u32::from(try_one(&wasm, &options));
        }
    }
    // Names and constants can change without harm, so some must get through.
    assert!(done > 100, "only {done} went through");
}

#[test]
fn moved_and_repeated_pieces_do_no_harm() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for input in inputs() {
        for _ in 0..2000 {
            let mut wasm = input.clone();
            let from = random.below(wasm.len());
            let length = random.below(wasm.len() - from) % 16;
            let piece = wasm[from..from + length].to_vec();
            let to = random.below(wasm.len());
            if random.below(2) == 0 {
                wasm.splice(to..to, piece);
            } else {
                wasm.drain(from..from + length);
            }
            try_one(&wasm, &Options::default());
        }
    }
}

/// `wit-component` sees modules that are valid and odd.
#[test]
fn components_of_damaged_modules_do_no_harm() {
    let wit = Wit::Text {
        text: "package a:b;
               world w {
                 import lookup: func(key: string) -> string;
                 export greet: func(name: string) -> string;
                 export work: async func(n: u32);
               }",
        world: None,
    };
    let input = module_with(
        "(import \"$root\" \"lookup\" (func (param i32 i32 i32)))
         (import \"[export]$root\" \"[task-return]work\" (func))
         (func (export \"greet\") (param i32 i32) (result i32) global.get $__stack_pointer)
         (func (export \"cabi_post_greet\") (param i32))
         (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 8)
         (func (export \"[async-lift]work\") (param i32) (result i32) i32.const 0)
         (func (export \"[callback][async-lift]work\") (param i32 i32 i32) (result i32)
           i32.const 0)
         (func (export \"_initialize\"))",
    );
    let options = Options::default();
    assert!(retarget(&input, &options, &wit).is_ok());
    let mut random = Random(0xd1b5_4a32_d192_ed03);
    let mut done = 0;
    for _ in 0..3000 {
        let mut wasm = input.clone();
        let at = random.below(wasm.len());
        wasm[at] = random.next().to_le_bytes()[0];
        match retarget(&wasm, &options, &wit) {
            Ok(made) => {
                validate(&made.bytes);
                done += 1;
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert!(done > 100, "only {done} went through");
}
