;; A result string that is not utf-8 traps.

(component definition $C
  (core module $M
    (memory (export "memory") 1)
    (data (i32.const 0) "\20\00\00\00\01\00\00\00")
    (data (i32.const 8) "\21\00\00\00\03\00\00\00")
    (data (i32.const 32) "\ff\ed\a0\80")
    (func (export "at") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "at") (param "address" u32) (result string)
    (canon lift (core func $m "at") (memory (core memory $m "memory")))))

(component instance $a $C)
(assert_trap (invoke "at" (u32.const 0)) "utf-8")
(component instance $b $C)
(assert_trap (invoke "at" (u32.const 8)) "utf-8")
