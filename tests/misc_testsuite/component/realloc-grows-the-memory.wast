;; A `realloc` that grows the memory and returns a block in the new part is taken at its word.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
    (func (export "first") (param i32 i32) (result i32)
      (i32.add (local.get 0) (i32.load8_u (local.get 0)))))
  (core instance $m (instantiate $M))
  (func (export "first") (param "text" string) (result u32)
    (canon lift (core func $m "first")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return (invoke "first" (str.const "a")) (u32.const 0x10061))
(assert_return (invoke "first" (str.const "b")) (u32.const 0x20062))
