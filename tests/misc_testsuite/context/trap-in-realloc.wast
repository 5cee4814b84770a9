;; A `realloc` that traps with a slot set leaves nothing behind for the next instance.

(component definition $C
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $set (i32.const -1))
      unreachable)
    (func (export "take") (param i32 i32))
    (func (export "slot") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "take") (param "text" string)
    (canon lift (core func $m "take")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "slot") (result u32) (canon lift (core func $m "slot"))))

(component instance $a $C)
(component instance $b $C)
(assert_trap (invoke $a "take" (str.const "text")) "unreachable")
(assert_return (invoke $b "slot") (u32.const 0))
