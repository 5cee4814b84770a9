;; Floating point in memory: five bodies, of seven numbers each (place, speed, mass), that attract
;; each other. A step updates every pair's speeds, then every place.
(module
  (memory 1)
  (func $start
    (local $at i32) (local $x f64)
    (loop $again
      (f64.store (local.get $at) (local.get $x))
      (f64.store offset=8 (local.get $at) (f64.sub (f64.const 10) (f64.mul (local.get $x) (local.get $x))))
      (f64.store offset=16 (local.get $at) (f64.sqrt (local.get $x)))
      (f64.store offset=24 (local.get $at) (f64.mul (local.get $x) (f64.const 0.01)))
      (f64.store offset=32 (local.get $at) (f64.const 0.02))
      (f64.store offset=40 (local.get $at) (f64.const -0.01))
      (f64.store offset=48 (local.get $at) (f64.add (f64.const 1) (local.get $x)))
      (local.set $x (f64.add (local.get $x) (f64.const 1.25)))
      (local.set $at (i32.add (local.get $at) (i32.const 56)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 280)))))
  (func $accelerate (param $body i32) (param $dx f64) (param $dy f64) (param $dz f64) (param $by f64)
    (f64.store offset=24 (local.get $body)
      (f64.add (f64.load offset=24 (local.get $body)) (f64.mul (local.get $dx) (local.get $by))))
    (f64.store offset=32 (local.get $body)
      (f64.add (f64.load offset=32 (local.get $body)) (f64.mul (local.get $dy) (local.get $by))))
    (f64.store offset=40 (local.get $body)
      (f64.add (f64.load offset=40 (local.get $body)) (f64.mul (local.get $dz) (local.get $by)))))
  (func $step
    (local $i i32) (local $j i32)
    (local $dx f64) (local $dy f64) (local $dz f64) (local $d2 f64) (local $force f64)
    (loop $outer
      (local.set $j (i32.add (local.get $i) (i32.const 56)))
      (block $last
        (br_if $last (i32.ge_u (local.get $j) (i32.const 280)))
        (loop $inner
          (local.set $dx (f64.sub (f64.load (local.get $i)) (f64.load (local.get $j))))
          (local.set $dy (f64.sub (f64.load offset=8 (local.get $i)) (f64.load offset=8 (local.get $j))))
          (local.set $dz (f64.sub (f64.load offset=16 (local.get $i)) (f64.load offset=16 (local.get $j))))
          (local.set $d2
            (f64.add
              (f64.add (f64.mul (local.get $dx) (local.get $dx)) (f64.mul (local.get $dy) (local.get $dy)))
              (f64.add (f64.mul (local.get $dz) (local.get $dz)) (f64.const 0.01))))
          (local.set $force
            (f64.div (f64.const 0.001) (f64.mul (local.get $d2) (f64.sqrt (local.get $d2)))))
          (call $accelerate (local.get $i) (local.get $dx) (local.get $dy) (local.get $dz)
            (f64.neg (f64.mul (f64.load offset=48 (local.get $j)) (local.get $force))))
          (call $accelerate (local.get $j) (local.get $dx) (local.get $dy) (local.get $dz)
            (f64.mul (f64.load offset=48 (local.get $i)) (local.get $force)))
          (br_if $inner
            (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 56))) (i32.const 280)))))
      (br_if $outer
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 56))) (i32.const 280))))
    (local.set $i (i32.const 0))
    (loop $move
      (f64.store (local.get $i)
        (f64.add (f64.load (local.get $i)) (f64.mul (f64.load offset=24 (local.get $i)) (f64.const 0.001))))
      (f64.store offset=8 (local.get $i)
        (f64.add (f64.load offset=8 (local.get $i)) (f64.mul (f64.load offset=32 (local.get $i)) (f64.const 0.001))))
      (f64.store offset=16 (local.get $i)
        (f64.add (f64.load offset=16 (local.get $i)) (f64.mul (f64.load offset=40 (local.get $i)) (f64.const 0.001))))
      (br_if $move
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 56))) (i32.const 280)))))
  (func (export "run") (param $n i32) (result i32)
    (call $start)
    (loop $again
      (call $step)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.wrap_i64
      (i64.xor
        (i64.reinterpret_f64 (f64.load (i32.const 0)))
        (i64.shr_u (i64.reinterpret_f64 (f64.load (i32.const 64))) (i64.const 20))))))
