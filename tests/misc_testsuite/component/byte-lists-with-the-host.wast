;; A `list<u8>` goes into a guest and comes out again byte by byte.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 512))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 4) (local.get 0))
      (i32.store (i32.const 8) (local.get 1))
      (i32.const 4)))
  (core instance $m (instantiate $M))
  (func (export "echo") (param "bytes" (list u8)) (result (list u8))
    (canon lift (core func $m "echo")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return (invoke "echo" (list.const)) (list.const))
(assert_return
  (invoke "echo" (list.const (u8.const 0) (u8.const 255) (u8.const 128)))
  (list.const (u8.const 0) (u8.const 255) (u8.const 128)))
