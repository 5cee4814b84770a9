;; No store into a linear memory, wherever it goes, changes a slot, and no set changes memory.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func (export "store") (param i32) (result i32)
      (call $set (i32.const 77))
      (i32.store (local.get 0) (i32.const -1))
      (memory.fill (i32.const 0) (i32.const 0xff) (i32.const 65536))
      (call $get))
    (func (export "load") (param i32) (result i32)
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
      (call $set (i32.const 77))
      (i32.load (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "store") (param "at" u32) (result u32) (canon lift (core func $m "store")))
  (func (export "load") (param "at" u32) (result u32) (canon lift (core func $m "load"))))

(assert_return (invoke "store" (u32.const 0)) (u32.const 77))
(assert_return (invoke "store" (u32.const 65532)) (u32.const 77))
(assert_return (invoke "load" (u32.const 0)) (u32.const 0))
(assert_return (invoke "load" (u32.const 65532)) (u32.const 0))
