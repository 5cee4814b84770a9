//! Whatever bytes come in: an answer, soon, and never a panic.

use threadline_environ::{Features, Translation};
use wasmparser::{Parser, Payload};

/// Components that use most of what there is.
const SEEDS: &[&str] = &[
    r#"(component $root
        (import "host" (instance $host
            (export "t" (type (sub resource)))
            (export "log" (func (param "s" string)))
            (export "add" (func (param "a" u8) (param "b" s64) (result char)))))
        (core module $libc
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8)))
        (component $inner
            (import "log" (func $log (param "s" string)))
            (alias outer $root $libc (core module $libc))
            (core instance $libc (instantiate $libc))
            (core func $log (canon lower (func $log) (memory (core memory $libc "memory"))))
            (core func $get (canon context.get i32 0))
            (core func $set (canon context.set i32 1))
            (core module $m
                (import "" "log" (func (param i32 i32)))
                (import "" "get" (func (result i32)))
                (import "" "set" (func (param i32)))
                (func (export "f") (param i32 i32) (result i32) (i32.const 4))
                (func (export "post") (param i32)))
            (core instance $m (instantiate $m (with "" (instance
                (export "log" (func $log)) (export "get" (func $get)) (export "set" (func $set))))))
            (func (export "f") (param "s" string) (result (list u8))
                (canon lift (core func $m "f") (memory (core memory $libc "memory"))
                    (realloc (core func $libc "realloc")) (post-return (core func $m "post")))))
        (component $outer
            (import "f" (func $f (param "s" string) (result (list u8))))
            (alias outer $root $libc (core module $libc))
            (core instance $libc (instantiate $libc))
            (core func $f (canon lower (func $f) (memory (core memory $libc "memory"))
                (realloc (core func $libc "realloc"))))
            (core module $m
                (import "" "f" (func (param i32 i32 i32)))
                (func (export "g") (param i32 i32) (result i32) (i32.const 4)))
            (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
            (type $e (enum "x" "y"))
            (export "e" (type $e))
            (func (export "g") (param "b" bool) (param "c" char) (result u16)
                (canon lift (core func $m "g"))))
        (instance $i (instantiate $inner (with "log" (func $host "log"))))
        (instance $o (instantiate $outer (with "f" (func $i "f"))))
        (export "again" (instance $host))
        (export "g" (func $o "g"))
        (export "i" (instance $i)))"#,
    r#"(component
        (component $c
            (import "x" (instance $x (export "f" (func))))
            (export "y" (instance $x)))
        (core module $m (func (export "f")))
        (core instance $m (instantiate $m))
        (func $f (canon lift (core func $m "f")))
        (instance $i (export "f" (func $f)))
        (instance $a (instantiate $c (with "x" (instance $i))))
        (alias export $a "y" (instance $y))
        (instance $b (instantiate $c (with "x" (instance $y))))
        (export "b" (instance $b)))"#,
    r#"(component
        (type $s (stream string))
        (component $callee
            (type $s (stream string))
            (core module $m
                (memory (export "m") 1)
                (table (export "t") 1 funcref)
                (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "f") (param i32 i32 i32) (result i32) unreachable)
                (func (export "c") (param i32 i32 i32) (result i32) unreachable))
            (core instance $m (instantiate $m))
            (alias core export $m "m" (core memory $mem))
            (alias core export $m "r" (core func $r))
            (core type $start (func (param i32)))
            (core func (canon task.return (result $s)))
            (core func (canon waitable-set.wait (memory $mem)))
            (core func (canon stream.read $s async (memory $mem) (realloc $r)))
            (core func (canon stream.cancel-write $s))
            (core func (canon thread.new-indirect $start (core table $m "t")))
            (func (export "f") async (param "a" string) (param "s" $s) (result $s)
                (canon lift (core func $m "f") async (memory $mem) (realloc $r)
                    (callback (core func $m "c")))))
        (component $caller
            (type $s (stream string))
            (import "f" (func $f async (param "a" string) (param "s" $s) (result $s)))
            (core module $m (memory (export "m") 1))
            (core instance $m (instantiate $m))
            (core func $f (canon lower (func $f) async (memory (core memory $m "m"))))
            (core func $g (canon lower (func $f) (memory (core memory $m "m"))))
            (core module $n
                (import "" "f" (func (param i32 i32 i32 i32) (result i32)))
                (import "" "g" (func (param i32 i32 i32) (result i32))))
            (core instance (instantiate $n (with "" (instance
                (export "f" (func $f)) (export "g" (func $g)))))))
        (instance $callee (instantiate $callee))
        (instance (instantiate $caller (with "f" (func $callee "f")))))"#,
];

/// Small, repeatable, and good enough to pick bytes.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn survives(bytes: &[u8]) -> bool {
    Translation::parse(bytes, Features::default()).is_ok()
}

#[test]
fn the_seeds_are_accepted() {
    for seed in SEEDS {
        let bytes = wat::parse_str(seed).unwrap();
        if let Err(error) = Translation::parse(&bytes, Features::default()) {
            panic!("{error}: {seed}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for seed in SEEDS {
        let bytes = wat::parse_str(seed).unwrap();
        // Where a section ends, a shorter component is a component.
        let ends: Vec<usize> = Parser::new(0)
            .parse_all(&bytes)
            .map_while(Result::ok)
            .filter_map(|payload| match payload {
                Payload::Version { range, .. } => Some(range.end as usize),
                payload => Some(payload.as_section()?.1.end as usize),
            })
            .collect();
        for length in 0..bytes.len() {
            let accepted = survives(&bytes[..length]);
            assert!(!accepted || ends.contains(&length), "{length} of {seed}");
        }
    }
}

#[test]
fn flipped_bits_and_overwritten_bytes_never_panic() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for seed in SEEDS {
        let original = wat::parse_str(seed).unwrap();
        let mut accepted = 0;
        for _ in 0..6000 {
            let mut bytes = original.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.below(256) as u8,
                    2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
                    _ => {
                        let from = random.below(bytes.len());
                        bytes[at] = bytes[from];
                    }
                }
            }
            accepted += usize::from(survives(&bytes));
        }
        // Names can be changed freely; if nothing passed, nothing would have been tested.
        assert!(accepted > 10, "only {accepted} accepted");
    }
}

#[test]
fn random_trees_of_instantiations_end() {
    let mut random = Random(42);
    for _ in 0..60 {
        let mut wat = String::from(
            "(component $root (component $c0 (core module $m) (core instance (instantiate $m)))",
        );
        let levels = 2 + random.below(40);
        for level in 1..levels {
            wat += &format!("(component $c{level}");
            for instance in 0..random.below(5) {
                let inner = random.below(level);
                wat += &format!(
                    "(alias outer $root $c{inner} (component))
                     (instance (instantiate {instance}))"
                );
            }
            wat += ")";
        }
        wat += &format!("(instance (instantiate {})))", levels - 1);
        let bytes = wat::parse_str(&wat).unwrap();
        survives(&bytes);
    }
}
