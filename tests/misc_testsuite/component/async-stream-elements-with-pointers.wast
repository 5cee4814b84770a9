;; Elements with strings and lists in them: what they point to is allocated by the reader.

;; From UTF-8 to UTF-8.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\03\00\00\00\64\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\68\c3\a9\00\79\6f"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
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
(assert_return (invoke "run") (list.const (u8.const 128) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 3) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 136) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; The bytes of the first.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\03\00\00\00\64\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\68\c3\a9\00\79\6f"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
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
      ;; Reads 2 elements to 64; gives 3 bytes from 128 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 2)) (i32.const 32))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 128))
        (i32.store (i32.const 4) (i32.const 3))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 104) (u8.const 195) (u8.const 169)))

;; From utf8 to utf16: so many code units.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\03\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\68\c3\a9"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) string-encoding=utf8 (core func $write))
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
    (canon stream.read $s async (memory $m) (realloc $realloc) string-encoding=utf16 (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      ;; Reads 1 elements to 64; gives 4 bytes from 68 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 1)) (i32.const 16))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 68))
        (i32.store (i32.const 4) (i32.const 4))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; From utf16 to utf8: so many code units.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\68\00\e9\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) string-encoding=utf16 (core func $write))
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
    (canon stream.read $s async (memory $m) (realloc $realloc) string-encoding=utf8 (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      ;; Reads 1 elements to 64; gives 4 bytes from 68 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 1)) (i32.const 16))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 68))
        (i32.store (i32.const 4) (i32.const 4))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 3) (u8.const 0) (u8.const 0) (u8.const 0)))

;; From utf16 to latin1+utf16: so many code units.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\68\00\e9\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) string-encoding=utf16 (core func $write))
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
    (canon stream.read $s async (memory $m) (realloc $realloc) string-encoding=latin1+utf16 (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      ;; Reads 1 elements to 64; gives 4 bytes from 68 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 1)) (i32.const 16))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 68))
        (i32.store (i32.const 4) (i32.const 4))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; From latin1+utf16 to utf16: so many code units.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\68\e9"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream string))
    (canon stream.new $s (core func $new))
    (canon stream.write $s async (memory $m) string-encoding=latin1+utf16 (core func $write))
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
    (canon stream.read $s async (memory $m) (realloc $realloc) string-encoding=utf16 (core func $read))
    (canon lower (func $begin) (core func $begin-core))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "begin" (func $begin (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      ;; Reads 1 elements to 64; gives 4 bytes from 68 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 1)) (i32.const 16))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 68))
        (i32.store (i32.const 4) (i32.const 4))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0)))

;; Lists of lists.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\70\00\00\00\01\00\00\00\71\00\00\00\02\00\00\00\61\62\63"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (list (list u8))))
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
    (type $s (stream (list (list u8))))
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

;; What is in them.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\70\00\00\00\01\00\00\00\71\00\00\00\02\00\00\00\61\62\63"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (list (list u8))))
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
    (type $s (stream (list (list u8))))
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
      ;; Reads 1 elements to 64; gives 32 bytes from 128 on.
      (func (export "run") (result i32)
        (if (i32.ne (call $read (call $begin) (i32.const 64) (i32.const 1)) (i32.const 16))
          (then unreachable))
        (i32.store (i32.const 0) (i32.const 128))
        (i32.store (i32.const 4) (i32.const 32))
        (i32.const 0)))
    (core instance $i (instantiate $M (with "" (instance
      (export "memory" (memory $m)) (export "begin" (func $begin-core)) (export "read" (func $read))))))
    (func (export "run") (result (list u8))
      (canon lift (core func $i "run") (memory $m))))
  (instance $w (instantiate $W))
  (instance $r (instantiate $R
    (with "begin" (func $w "begin"))))
  (export "run" (func $r "run")))
(assert_return (invoke "run") (list.const (u8.const 144) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 1) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 152) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 2) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 97) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 98) (u8.const 99) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0) (u8.const 0)))

;; A list that reaches out of the memory.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\ff\ff\00\00\02\00\00\00"))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $s (stream (list u8)))
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
    (type $s (stream (list u8)))
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
(assert_trap (invoke "run") "out of bounds")

;; A string that is none.
(component
  (component $W
    (core module $Memory (memory (export "memory") 1) (data (i32.const 64) "\60\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff"))
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
(assert_trap (invoke "run") "invalid utf-8")
