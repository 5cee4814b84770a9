;; What `realloc` leaves in the slots, the function it allocates for does not see.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $set0 (i32.const -1))
      (call $set1 (i32.const -1))
      (i32.const 1024))
    (func (export "take") (param i32 i32) (result i32)
      (i32.or (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $m "take")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return (invoke "take" (str.const "slots")) (u32.const 0))
