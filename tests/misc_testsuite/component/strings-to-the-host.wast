;; The host reads a result string at the pointer and length that the guest returns a pointer to.

(component
  (core module $M
    (memory (export "memory") 1)
    (data (i32.const 0) "\20\00\00\00\05\00\00\00")
    (data (i32.const 8) "\ff\ff\00\00\01\00\00\00")
    (data (i32.const 16) "\00\00\00\00\00\00\00\00")
    (data (i32.const 24) "\25\00\00\00\04\00\00\00")
    (data (i32.const 32) "hello\f0\9f\a7\b5")
    (data (i32.const 65535) "!")
    (func (export "at") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "at") (param "address" u32) (result string)
    (canon lift (core func $m "at") (memory (core memory $m "memory")))))

(assert_return (invoke "at" (u32.const 0)) (str.const "hello"))
(assert_return (invoke "at" (u32.const 8)) (str.const "!"))
(assert_return (invoke "at" (u32.const 16)) (str.const ""))
(assert_return (invoke "at" (u32.const 24)) (str.const "\u{1f9f5}"))
