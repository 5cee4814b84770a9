;; Direct calls of small functions, as they are in code with accessors: pixels of three channels
;; are brightened and clamped.
(module
  (memory 1)
  (func $get (param $at i32) (param $channel i32) (result i32)
    (i32.load8_u (i32.add (i32.mul (local.get $at) (i32.const 3)) (local.get $channel))))
  (func $set (param $at i32) (param $channel i32) (param $value i32)
    (i32.store8 (i32.add (i32.mul (local.get $at) (i32.const 3)) (local.get $channel)) (local.get $value)))
  (func $min (param $a i32) (param $b i32) (result i32)
    (select (local.get $a) (local.get $b) (i32.lt_s (local.get $a) (local.get $b))))
  (func $max (param $a i32) (param $b i32) (result i32)
    (select (local.get $a) (local.get $b) (i32.gt_s (local.get $a) (local.get $b))))
  (func $clamp (param $x i32) (result i32)
    (call $max (i32.const 1) (call $min (i32.const 255) (local.get $x))))
  (func $brighten (param $at i32) (param $channel i32) (param $by i32)
    (call $set (local.get $at) (local.get $channel)
      (call $clamp
        (i32.add
          (i32.mul (call $get (local.get $at) (local.get $channel)) (i32.const 3))
          (i32.sub (local.get $by) (call $get (local.get $at) (i32.const 0)))))))
  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $sum i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
    (loop $rounds
      (local.set $at (i32.const 0))
      (loop $again
        (call $brighten (local.get $at) (i32.const 0) (local.get $n))
        (call $brighten (local.get $at) (i32.const 1) (local.get $at))
        (call $brighten (local.get $at) (i32.const 2) (i32.const 7))
        (local.set $sum (i32.add (local.get $sum) (call $get (local.get $at) (i32.const 1))))
        (br_if $again
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 16384))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
