;; Memory and floating point: the product of two matrices of 64 by 64.
(module
  (memory 2)
  (func $start
    (local $at i32)
    (loop $again
      (f64.store (local.get $at) (f64.convert_i32_u (i32.rem_u (local.get $at) (i32.const 17))))
      (f64.store offset=32768 (local.get $at) (f64.convert_i32_u (i32.rem_u (local.get $at) (i32.const 23))))
      (br_if $again
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 32768)))))
  (func $multiply
    (local $i i32) (local $j i32) (local $k i32) (local $sum f64)
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $k (i32.const 0))
        (loop $products
          (local.set $sum
            (f64.add (local.get $sum)
              (f64.mul
                (f64.load
                  (i32.add
                    (i32.mul (local.get $i) (i32.const 512))
                    (i32.mul (local.get $k) (i32.const 8))))
                (f64.load offset=32768
                  (i32.add
                    (i32.mul (local.get $k) (i32.const 512))
                    (i32.mul (local.get $j) (i32.const 8)))))))
          (br_if $products
            (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 64))))
        (f64.store offset=65536
          (i32.add (i32.mul (local.get $i) (i32.const 512)) (i32.mul (local.get $j) (i32.const 8)))
          (local.get $sum))
        (br_if $columns
          (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 64))))
      (br_if $rows
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64)))))
  (func (export "run") (param $n i32) (result i32)
    (call $start)
    (loop $rounds
      (call $multiply)
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.trunc_f64_u (f64.load (i32.const 70000)))))
