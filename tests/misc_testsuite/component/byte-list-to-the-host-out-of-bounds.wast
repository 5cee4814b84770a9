;; A result list that reaches past the end of its memory traps.

(component definition $C
  (core module $M
    (memory (export "memory") 1)
    (func (export "list") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16)))
  (core instance $m (instantiate $M))
  (func (export "list") (param "at" u32) (param "length" u32) (result (list u8))
    (canon lift (core func $m "list") (memory (core memory $m "memory")))))

(component instance $a $C)
(assert_return (invoke "list" (u32.const 65536) (u32.const 0)) (list.const))
(assert_return (invoke "list" (u32.const 65535) (u32.const 1)) (list.const (u8.const 0)))
(assert_trap (invoke "list" (u32.const 65535) (u32.const 2)) "bounds")
(component instance $b $C)
(assert_trap (invoke "list" (u32.const 1) (u32.const 0xffffffff)) "")
