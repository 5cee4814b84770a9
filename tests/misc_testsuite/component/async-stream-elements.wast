;; Elements of streams get from one memory to another as their types say.

;; Numbers are moved.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\00\00\00\00\00\00\00\80\07\00\00\00\00\00\00\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream u64))
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
    (type $s (stream u64))
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
      ;; Reads 2 elements to 64; gives 16 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 16))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 128) (u8.const 7) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0)))

;; So are their bits.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\00\00\c0\7f\00\00\00\80"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream f32))
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
    (type $s (stream f32))
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
(assert_return (invoke "run") (list.const (u8.const 0) (u8.const 0) (u8.const 192) (u8.const 127) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 128)))

;; What is not 0 is true.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\00\01\02\80"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream bool))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) (core func $write))
    (core module $M
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      ;; A stream with 4 elements, that are written.
      (func (export "begin") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (drop (call $write
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 64) (i32.const 4)))
        (i32.wrap_i64 (local.get $ends))))
    (core instance $i (instantiate $M (with "" (instance
      (export "new" (func $new)) (export "write" (func $write))))))
    (func (export "begin") (result $s) (canon lift (core func $i "begin"))))
  (component $R
    (type $s (stream bool))
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
      ;; Reads 4 elements to 64; gives 5 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 4)) (i32.const 64))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 5))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 0) (u8.const 1) (u8.const 1) (u8.const 1) (u8.const 46)))

;; Characters are looked at …
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\41\00\00\00\00\f6\01\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (tuple char)))
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
    (type $s (stream (tuple char)))
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
(assert_return (invoke "run") (list.const (u8.const 65) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 246) (u8.const 1) (u8.const 0)))

;; … and refused.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\41\00\00\00\00\d8\00\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (tuple char)))
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
    (type $s (stream (tuple char)))
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
(assert_trap (invoke "run") "invalid `char`")

;; Nothing comes between the numbers of this tuple …
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\00\01\02\03\04\05\06\07"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (tuple u16 u8 u8)))
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
    (type $s (stream (tuple u16 u8 u8)))
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
(assert_return (invoke "run") (list.const (u8.const 0) (u8.const 1) (u8.const 2) (u8.const 3) (u8.const 4) (u8.const 5) (u8.const 6) (u8.const 7)))

;; … but here something does, which stays where it is.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\01\78\78\78\02\00\00\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $inner (record (field "a" u8) (field "b" u32)))
    (export $r "inner" (type $inner))
    (type $s (stream $r))
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
    (type $inner (record (field "a" u8) (field "b" u32)))
    (import "inner" (type $r (eq $inner)))
    (type $s (stream $r))
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
    (with "begin" (func $w "begin")) (with "inner" (type $w "inner"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 1) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; A case must exist.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\02\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $inner (enum "red" "green" "blue"))
    (export $r "inner" (type $inner))
    (type $s (stream $r))
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
    (type $inner (enum "red" "green" "blue"))
    (import "inner" (type $r (eq $inner)))
    (type $s (stream $r))
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
      ;; Reads 2 elements to 64; gives 3 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 3))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin")) (with "inner" (type $w "inner"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 2) (u8.const 0) (u8.const 46)))

;; If not, the read fails.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\02\03"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $inner (enum "red" "green" "blue"))
    (export $r "inner" (type $inner))
    (type $s (stream $r))
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
    (type $inner (enum "red" "green" "blue"))
    (import "inner" (type $r (eq $inner)))
    (type $s (stream $r))
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
      ;; Reads 2 elements to 64; gives 3 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 3))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin")) (with "inner" (type $w "inner"))))
  (export "run" (func $r "run")))
(assert_trap (invoke "run") "discriminant")

;; Unknown flags are dropped.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\ff\12"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $inner (flags "a" "b" "c"))
    (export $r "inner" (type $inner))
    (type $s (stream $r))
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
    (type $inner (flags "a" "b" "c"))
    (import "inner" (type $r (eq $inner)))
    (type $s (stream $r))
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
      ;; Reads 2 elements to 64; gives 2 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 2))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin")) (with "inner" (type $w "inner"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 7) (u8.const 2)))

;; Of eight, all are known.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\ff\12"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $inner (flags "a" "b" "c" "d" "e" "f" "g" "h"))
    (export $r "inner" (type $inner))
    (type $s (stream $r))
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
    (type $inner (flags "a" "b" "c" "d" "e" "f" "g" "h"))
    (import "inner" (type $r (eq $inner)))
    (type $s (stream $r))
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
      ;; Reads 2 elements to 64; gives 2 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 2))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin")) (with "inner" (type $w "inner"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 255) (u8.const 18)))

;; Of a variant, only what the case has.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\00\61\62\63\05\64\65\66\01\61\62\63\06\00\00\00\02\61\62\63\64\65\66\67"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $inner (variant (case "a" u8) (case "b" u32) (case "c")))
    (export $r "inner" (type $inner))
    (type $s (stream $r))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) (core func $write))
    (core module $M
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      ;; A stream with 3 elements, that are written.
      (func (export "begin") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (drop (call $write
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 64) (i32.const 3)))
        (i32.wrap_i64 (local.get $ends))))
    (core instance $i (instantiate $M (with "" (instance
      (export "new" (func $new)) (export "write" (func $write))))))
    (func (export "begin") (result $s) (canon lift (core func $i "begin"))))
  (component $R
    (type $inner (variant (case "a" u8) (case "b" u32) (case "c")))
    (import "inner" (type $r (eq $inner)))
    (type $s (stream $r))
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
      ;; Reads 3 elements to 64; gives 24 bytes from 64 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 3)) (i32.const 48))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 24))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin")) (with "inner" (type $w "inner"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 0) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 5) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 1) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 6) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 46) (u8.const 46)))

;; `option` and `result` are variants.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\01\09\01\55\00\09\00\55"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (tuple (option u8) (result u8))))
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
    (type $s (stream (tuple (option u8) (result u8))))
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
(assert_return (invoke "run") (list.const (u8.const 1) (u8.const 9) (u8.const 1) (u8.const 46) (u8.const 0) (u8.const 46) (u8.const 0) (u8.const 85)))
