;; `post-return` gets the core result and runs once the host has read what it points to.

(component
  (core module $M
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\04\00\00\00text")
    (func (export "f") (result i32) (i32.const 0))
    (func (export "f-post") (param i32)
      (if (local.get 0) (then unreachable))
      (i32.store (i32.const 8) (i32.const 0x65646461))))
  (core instance $m (instantiate $M))
  (func (export "f") (result string)
    (canon lift (core func $m "f")
      (memory (core memory $m "memory")) (post-return (core func $m "f-post")))))

(assert_return (invoke "f") (str.const "text"))
(assert_return (invoke "f") (str.const "adde"))
