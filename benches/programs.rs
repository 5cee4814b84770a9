//! The programs that compare where a shadow-stack pointer can be kept, as components.
//!
//! Each exists three times, word for word the same but for how it reads and writes the stack
//! pointer: a context slot, a global of its own, an imported global. All export
//! `run: func(n: u32) -> u32`.

use std::fmt;

/// Where the stack pointer is kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Context slot 0.
    Slot,
    /// A mutable global of the module.
    OwnGlobal,
    /// A mutable global imported from another module.
    ImportedGlobal,
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Home::Slot => "slot",
            Home::OwnGlobal => "own global",
            Home::ImportedGlobal => "imported global",
        })
    }
}

/// A program, as the body of a core module in which `(SP)` reads the stack pointer and
/// `(SET-SP x)` writes it.
pub(crate) struct Program {
    /// Its row in the tables.
    pub(crate) row: &'static str,
    /// What it does.
    pub(crate) name: &'static str,
    body: &'static str,
    /// The argument to call it with.
    pub(crate) n: u32,
    /// How many operations that is.
    pub(crate) operations: u64,
}

/// Every program.
pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        row: "-",
        name: "get/set loop",
        body: r#"
            (func (export "run") (param $n i32) (result i32)
              (SET-SP (i32.const 65536))
              (loop $again
                (SET-SP (i32.sub (SP) (i32.const 1)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (SP))"#,
        n: 5_000_000,
        operations: 5_000_000,
    },
    Program {
        row: "K1",
        name: "frame function",
        body: r#"
            (func $frame (param $x i32) (result i32)
              (local $fp i32)
              (SET-SP (local.tee $fp (i32.sub (SP) (i32.const 16))))
              (i32.store offset=12 (local.get $fp) (local.get $x))
              (i32.store offset=8 (local.get $fp)
                (i32.add (i32.load offset=12 (local.get $fp)) (i32.const 3)))
              (SET-SP (i32.add (local.get $fp) (i32.const 16)))
              (i32.load offset=8 (local.get $fp)))
            (func (export "run") (param $n i32) (result i32)
              (local $sum i32)
              (SET-SP (i32.const 65536))
              (loop $again
                (local.set $sum
                  (i32.add (local.get $sum) (call $frame (local.get $n))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (local.get $sum))"#,
        n: 1_000_000,
        operations: 1_000_000,
    },
    Program {
        row: "K2",
        name: "recursive fib with a frame",
        body: r#"
            (func $fib (param $n i32) (result i32)
              (local $fp i32)
              (SET-SP (local.tee $fp (i32.sub (SP) (i32.const 16))))
              (i32.store offset=12 (local.get $fp) (local.get $n))
              (if (i32.ge_u (local.get $n) (i32.const 2))
                (then
                  (i32.store offset=8 (local.get $fp)
                    (call $fib (i32.sub (local.get $n) (i32.const 1))))
                  (i32.store offset=12 (local.get $fp)
                    (i32.add
                      (i32.load offset=8 (local.get $fp))
                      (call $fib (i32.sub (i32.load offset=12 (local.get $fp)) (i32.const 2)))))))
              (SET-SP (i32.add (local.get $fp) (i32.const 16)))
              (i32.load offset=12 (local.get $fp)))
            (func (export "run") (param $n i32) (result i32)
              (SET-SP (i32.const 65536))
              (call $fib (local.get $n)))"#,
        n: 27,
        operations: 635_621,
    },
    Program {
        row: "K3",
        name: "three nested calls with frames",
        body: r#"
            (func $inner (param $x i32) (result i32)
              (local $fp i32)
              (SET-SP (local.tee $fp (i32.sub (SP) (i32.const 16))))
              (i32.store offset=4 (local.get $fp) (local.get $x))
              (SET-SP (i32.add (local.get $fp) (i32.const 16)))
              (i32.add (i32.load offset=4 (local.get $fp)) (i32.const 1)))
            (func $middle (param $x i32) (result i32)
              (local $fp i32)
              (SET-SP (local.tee $fp (i32.sub (SP) (i32.const 32))))
              (i32.store offset=8 (local.get $fp) (local.get $x))
              (i32.store offset=12 (local.get $fp)
                (call $inner (i32.load offset=8 (local.get $fp))))
              (SET-SP (i32.add (local.get $fp) (i32.const 32)))
              (i32.xor (i32.load offset=12 (local.get $fp)) (i32.const 5)))
            (func $outer (param $x i32) (result i32)
              (local $fp i32)
              (SET-SP (local.tee $fp (i32.sub (SP) (i32.const 48))))
              (i32.store offset=16 (local.get $fp) (local.get $x))
              (i32.store offset=20 (local.get $fp)
                (call $middle (i32.load offset=16 (local.get $fp))))
              (SET-SP (i32.add (local.get $fp) (i32.const 48)))
              (i32.add (i32.load offset=20 (local.get $fp)) (i32.const 7)))
            (func (export "run") (param $n i32) (result i32)
              (local $sum i32)
              (SET-SP (i32.const 65536))
              (loop $again
                (local.set $sum
                  (i32.add (local.get $sum) (call $outer (local.get $n))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
              (local.get $sum))"#,
        n: 500_000,
        operations: 500_000,
    },
];

impl Program {
    /// The component's text.
    pub(crate) fn component(&self, home: Home) -> String {
        let body = match home {
            Home::Slot => self
                .body
                .replace("(SP)", "(call $get)")
                .replace("(SET-SP ", "(call $set "),
            Home::OwnGlobal | Home::ImportedGlobal => self
                .body
                .replace("(SP)", "(global.get $sp)")
                .replace("(SET-SP ", "(global.set $sp "),
        };
        let (before, imports, with) = match home {
            Home::Slot => (
                r#"(canon context.get i32 0 (core func $get))
                   (canon context.set i32 0 (core func $set))
                   (core instance $env (export "get" (func $get)) (export "set" (func $set)))"#,
                r#"(import "env" "get" (func $get (result i32)))
                   (import "env" "set" (func $set (param i32)))"#,
                r#"(with "env" (instance $env))"#,
            ),
            Home::OwnGlobal => ("", "(global $sp (mut i32) (i32.const 0))", ""),
            Home::ImportedGlobal => (
                r#"(core module $holder (global (export "sp") (mut i32) (i32.const 0)))
                   (core instance $env (instantiate $holder))"#,
                r#"(import "env" "sp" (global $sp (mut i32)))"#,
                r#"(with "env" (instance $env))"#,
            ),
        };
        format!(
            r#"(component
                {before}
                (core module $m
                  {imports}
                  (memory 1)
                  {body})
                (core instance $i (instantiate $m {with}))
                (func (export "run") (param "n" u32) (result u32)
                  (canon lift (core func $i "run"))))"#
        )
    }
}
