;; A result string that reaches past the end of its memory traps, and so does a return area
;; that does.

(component definition $C
  (core module $M
    (memory (export "memory") 1)
    (func (export "string") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "area") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "string") (param "at" u32) (param "length" u32) (result string)
    (canon lift (core func $m "string") (memory (core memory $m "memory"))))
  (func (export "area") (param "at" u32) (result string)
    (canon lift (core func $m "area") (memory (core memory $m "memory")))))

(component instance $a $C)
(assert_return (invoke "string" (u32.const 65536) (u32.const 0)) (str.const ""))
(assert_trap (invoke "string" (u32.const 65535) (u32.const 2)) "bounds")
(component instance $b $C)
(assert_trap (invoke "string" (u32.const 0xffffffff) (u32.const 0xffffffff)) "")
(component instance $c $C)
(assert_trap (invoke "area" (u32.const 65532)) "bounds")
(component instance $d $C)
(assert_trap (invoke "area" (u32.const 0xfffffffc)) "bounds")
