;; Recursion that keeps its shadow-stack pointer in a slot, with a frame in memory a call,
;; counts right and leaves the pointer where it was.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $fib (param $n i32) (result i32)
      (local $frame i32)
      (local.set $frame (i32.sub (call $get) (i32.const 16)))
      (call $set (local.get $frame))
      (i32.store (local.get $frame) (local.get $n))
      (if (i32.ge_u (local.get $n) (i32.const 2))
        (then
          (i32.store offset=4 (local.get $frame)
            (call $fib (i32.sub (i32.load (local.get $frame)) (i32.const 1))))
          (i32.store (local.get $frame)
            (i32.add
              (i32.load offset=4 (local.get $frame))
              (call $fib (i32.sub (i32.load (local.get $frame)) (i32.const 2)))))))
      (i32.load (local.get $frame))
      (call $set (i32.add (local.get $frame) (i32.const 16))))
    (func (export "fib") (param $n i32) (result i32)
      (call $set (i32.const 65536))
      (call $fib (local.get $n))
      (if (i32.ne (call $get) (i32.const 65536)) (then unreachable))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "fib") (param "n" u32) (result u32) (canon lift (core func $m "fib"))))

(assert_return (invoke "fib" (u32.const 0)) (u32.const 0))
(assert_return (invoke "fib" (u32.const 10)) (u32.const 55))
(assert_return (invoke "fib" (u32.const 20)) (u32.const 6765))
