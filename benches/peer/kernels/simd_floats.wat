;; Vectors of floats: a = a * k + b over 4,096 elements, and the sum of products, four at a time.
(module
  (memory 1)
  (func $start
    (local $at i32)
    (loop $again
      (f32.store (local.get $at) (f32.convert_i32_u (i32.and (local.get $at) (i32.const 255))))
      (f32.store offset=16384 (local.get $at) (f32.convert_i32_u (i32.shr_u (local.get $at) (i32.const 7))))
      (br_if $again
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 16384)))))
  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $sum v128) (local $k v128)
    (call $start)
    (local.set $k (f32x4.splat (f32.const 0.5)))
    (loop $rounds
      (local.set $at (i32.const 0))
      (loop $again
        (v128.store (local.get $at)
          (f32x4.add
            (f32x4.mul (v128.load (local.get $at)) (local.get $k))
            (v128.load offset=16384 (local.get $at))))
        (local.set $sum
          (f32x4.add (local.get $sum)
            (f32x4.mul (v128.load (local.get $at)) (v128.load offset=16384 (local.get $at)))))
        (br_if $again
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (i32.const 16384))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.reinterpret_f32
      (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $sum)) (f32x4.extract_lane 1 (local.get $sum)))
        (f32.add (f32x4.extract_lane 2 (local.get $sum)) (f32x4.extract_lane 3 (local.get $sum)))))))
