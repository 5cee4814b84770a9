;; The host traps when `realloc` gives it a block that reaches out of memory.

(component definition $C
  (core module $M
    (memory (export "memory") 1)
    (global $block (mut i32) (i32.const 0))
    (func (export "place") (param i32) (global.set $block (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $block))
    (func (export "take") (param i32 i32)))
  (core instance $m (instantiate $M))
  (func (export "place") (param "at" u32) (canon lift (core func $m "place")))
  (func (export "take") (param "text" string)
    (canon lift (core func $m "take")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(component instance $a $C)
(assert_return (invoke "place" (u32.const 65532)))
(assert_return (invoke "take" (str.const "four")))
(assert_trap (invoke "take" (str.const "fives")) "realloc return: beyond end of memory")
(component instance $b $C)
(assert_return (invoke "place" (u32.const 0xffffffff)))
(assert_trap (invoke "take" (str.const "a")) "realloc return: beyond end of memory")
