;; Streams from a memory of 32 bits to one of 64, and back.

;; Numbers.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\01\00\00\00\02\00\00\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream u32))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) (core func $write))
    (core module $M
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      ;; A stream with 2 elements, that are written.
      (func (export "begin") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (drop (call $write
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 64) (i32.const 2)))
        (i32.wrap_i64 (local.get $ends))))
    (core instance $i (instantiate $M (with "" (instance
      (export "new" (func $new)) (export "write" (func $write))))))
    (func (export "begin") (result $s) (canon lift (core func $i "begin"))))
  (component $R
    (type $s (stream u32))
    (import "begin" (func $begin (result $s)))
    (core module $Memory
      (memory (export "memory") i64 1)
      (data (i64.const 64) "................................")
      (global $next (mut i64) (i64.const 128))
      ;; Allocates aligned to 8.
      (func (export "realloc") (param i64 i64 i64 i64) (result i64)
        (memory.copy (global.get $next) (local.get 0) (local.get 1))
        (global.get $next)
        (global.set $next (i64.add (global.get $next)
          (i64.and (i64.add (local.get 3) (i64.const 7)) (i64.const -8))))))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (canon stream.read $s async (memory $m) (realloc $realloc) (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory i64 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i64 i64) (result i64)))
      ;; Reads 2 elements to 64; gives 8 bytes from 64 on.
      (func (export "run") (result i64)
        (if (i64.ne (call $read (call $begin) (i64.const 64) (i64.const 2)) (i64.const 32))
          (then unreachable))
        (i64.store (i64.const 0) (i64.const 64))
        (i64.store (i64.const 8) (i64.const 8))
        (i64.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 1) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; And back.
(component
  (component $W
    (core module $Memory (memory (export "memory") i64 1) (data (i64.const 64) "\01\00\00\00\02\00\00\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream u32))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) (core func $write))
    (core module $M
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i64 i64) (result i64)))
      ;; A stream with 2 elements, that are written.
      (func (export "begin") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (drop (call $write
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i64.const 64) (i64.const 2)))
        (i32.wrap_i64 (local.get $ends))))
    (core instance $i (instantiate $M (with "" (instance
      (export "new" (func $new)) (export "write" (func $write))))))
    (func (export "begin") (result $s) (canon lift (core func $i "begin"))))
  (component $R
    (type $s (stream u32))
    (import "begin" (func $begin (result $s)))
    (core module $Memory
      (memory (export "memory") 1)
      (data (i32.const 64) "................................")
      (global $next (mut i32) (i32.const 128))
      ;; Allocates aligned to 8.
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (memory.copy (global.get $next) (local.get 0) (local.get 1))
        (global.get $next)
        (global.set $next (i32.add (global.get $next)
          (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (canon stream.read $s async (memory $m) (realloc $realloc) (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      ;; Reads 2 elements to 64; gives 8 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 8))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 1) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; Strings.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\61\62"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) (core func $write))
    (core module $M
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      ;; A stream with 1 elements, that are written.
      (func (export "begin") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (drop (call $write
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 64) (i32.const 1)))
        (i32.wrap_i64 (local.get $ends))))
    (core instance $i (instantiate $M (with "" (instance
      (export "new" (func $new)) (export "write" (func $write))))))
    (func (export "begin") (result $s) (canon lift (core func $i "begin"))))
  (component $R
    (type $s (stream string))
    (import "begin" (func $begin (result $s)))
    (core module $Memory
      (memory (export "memory") i64 1)
      (data (i64.const 64) "................................")
      (global $next (mut i64) (i64.const 128))
      ;; Allocates aligned to 8.
      (func (export "realloc") (param i64 i64 i64 i64) (result i64)
        (memory.copy (global.get $next) (local.get 0) (local.get 1))
        (global.get $next)
        (global.set $next (i64.add (global.get $next)
          (i64.and (i64.add (local.get 3) (i64.const 7)) (i64.const -8))))))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (canon stream.read $s async (memory $m) (realloc $realloc) (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory i64 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i64 i64) (result i64)))
      ;; Reads 1 elements to 64; gives 16 bytes from 64 on.
      (func (export "run") (result i64)
        (if (i64.ne (call $read (call $begin) (i64.const 64) (i64.const 1)) (i64.const 16))
          (then unreachable))
        (i64.store (i64.const 0) (i64.const 64))
        (i64.store (i64.const 8) (i64.const 16))
        (i64.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 128) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0)))

;; And back.
(component
  (component $W
    (core module $Memory (memory (export "memory") i64 1) (data (i64.const 64) "\60\00\00\00\00\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\61\62"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) (core func $write))
    (core module $M
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i64 i64) (result i64)))
      ;; A stream with 1 elements, that are written.
      (func (export "begin") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (drop (call $write
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i64.const 64) (i64.const 1)))
        (i32.wrap_i64 (local.get $ends))))
    (core instance $i (instantiate $M (with "" (instance
      (export "new" (func $new)) (export "write" (func $write))))))
    (func (export "begin") (result $s) (canon lift (core func $i "begin"))))
  (component $R
    (type $s (stream string))
    (import "begin" (func $begin (result $s)))
    (core module $Memory
      (memory (export "memory") 1)
      (data (i32.const 64) "................................")
      (global $next (mut i32) (i32.const 128))
      ;; Allocates aligned to 8.
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (memory.copy (global.get $next) (local.get 0) (local.get 1))
        (global.get $next)
        (global.set $next (i32.add (global.get $next)
          (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (canon stream.read $s async (memory $m) (realloc $realloc) (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      ;; Reads 1 elements to 64; gives 8 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 1)) (i32.const 16))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 8))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 128) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))
