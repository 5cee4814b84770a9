;; Streams go from one instance to another that was linked with it by the host: types of elements have
;; other names there. If one of them traps while elements are copied, the other is told.

(component definition $Maker
  (core module $Memory (memory (export "memory") 1)
    (data (i32.const 128) "\e2\82\acuro") (data (i32.const 158) "\ff"))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $m))
  (type $unused (stream u64))
  (type $s (stream string))
  (canon stream.new $s (core func $new))
  (canon stream.write $s async (memory $m) (core func $write))
  (canon waitable-set.new (core func $set-new))
  (canon waitable-set.poll (memory $m) (core func $poll))
  (canon waitable.join (core func $join))
  (core module $M
    (import "" "memory" (memory 1))
    (import "" "new" (func $new (result i64)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "poll" (func $poll (param i32 i32) (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (global $set (mut i32) (i32.const 0))
    ;; A stream of a string that has so many bytes.
    (func (export "make") (param $length i32) (result i32) (local $ends i64) (local $w i32)
      (local.set $ends (call $new))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (i32.store (i32.const 64) (i32.const 128))
      (i32.store (i32.const 68) (local.get $length))
      (drop (call $write (local.get $w) (i32.const 64) (i32.const 1)))
      (global.set $set (call $set-new))
      (call $join (local.get $w) (global.get $set))
      (i32.wrap_i64 (local.get $ends)))
    ;; The payload of the event of the last write.
    (func (export "event") (result i32)
      (if (i32.eqz (call $poll (global.get $set) (i32.const 0))) (then (return (i32.const -1))))
      (i32.load (i32.const 4))))
  (core instance $i (instantiate $M (with "" (instance (export "memory" (memory $m))
    (export "new" (func $new)) (export "write" (func $write)) (export "set-new" (func $set-new))
    (export "poll" (func $poll)) (export "join" (func $join))))))
  (func (export "make") (param "length" u32) (result $s) (canon lift (core func $i "make")))
  (func (export "event") (result s32) (canon lift (core func $i "event"))))

(component definition $Reader
  (type $s (stream string))
  (import "maker" (instance $maker
    (export "make" (func (param "length" u32) (result (stream string))))))
  (core module $Memory (memory (export "memory") 1)
    ;; The string goes to 256; anything longer than 12 bytes can't be allocated.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (if (i32.gt_u (local.get 3) (i32.const 12)) (then unreachable))
      (i32.const 256)))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $m))
  (alias core export $memory "realloc" (core func $realloc))
  (canon lower (func $maker "make") (core func $make))
  (canon stream.read $s async (memory $m) (realloc $realloc) string-encoding=utf16 (core func $read))
  (core module $M
    (import "" "memory" (memory 1))
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (func (export "read") (param i32) (result i32)
      (if (i32.ne (i32.const 0x10) (call $read (call $make (local.get 0)) (i32.const 64) (i32.const 4)))
        (then unreachable))
      (i32.const 64)))
  (core instance $i (instantiate $M (with "" (instance (export "memory" (memory $m))
    (export "make" (func $make)) (export "read" (func $read))))))
  (func (export "read") (param "length" u32) (result string)
    (canon lift (core func $i "read") (memory $m) string-encoding=utf16)))

(component instance $m $Maker)
(register "maker" $m)
(component instance $r $Reader)
(assert_return (invoke $r "read" (u32.const 6)) (str.const "\u{20ac}uro"))
(assert_return (invoke $m "event") (s32.const 0x10))

;; The reader's `realloc` traps. Whoever waits for it traps in turn.
(assert_trap (invoke $r "read" (u32.const 30)) "unreachable")
(assert_trap (invoke $r "read" (u32.const 6)) "cannot enter component instance")
(assert_trap (invoke $m "event") "cannot wait for a component instance that trapped")

;; What the maker writes is no string; the reader comes across it.
(component instance $m $Maker)
(register "maker" $m)
(component instance $r $Reader)
(assert_trap (invoke $r "read" (u32.const 31)) "invalid utf-8")
