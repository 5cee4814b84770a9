;; The shape that compilers emit: a function takes a frame off the pointer in slot 0, passes an
;; address in it to another, and gives the frame back.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $divide (param $a i32) (param $b i32) (param $remainder i32) (result i32)
      (i32.store (local.get $remainder) (i32.rem_u (local.get $a) (local.get $b)))
      (i32.div_u (local.get $a) (local.get $b)))
    (func $gcd (param $a i32) (param $b i32) (result i32)
      (local $frame i32)
      (if (i32.eqz (local.get $b)) (then (return (local.get $a))))
      (call $set (local.tee $frame (i32.sub (call $get) (i32.const 16))))
      (drop (call $divide (local.get $a) (local.get $b)
        (i32.add (local.get $frame) (i32.const 12))))
      (call $gcd (local.get $b) (i32.load offset=12 (local.get $frame)))
      (call $set (i32.add (local.get $frame) (i32.const 16))))
    (func (export "gcd") (param $a i32) (param $b i32) (result i32)
      (call $set (i32.const 1024))
      (call $gcd (local.get $a) (local.get $b))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "gcd") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $m "gcd"))))

(assert_return (invoke "gcd" (u32.const 1071) (u32.const 462)) (u32.const 21))
(assert_return (invoke "gcd" (u32.const 17) (u32.const 5)) (u32.const 1))
