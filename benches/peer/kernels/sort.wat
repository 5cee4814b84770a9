;; Branches: quicksort, by recursion, of 8,192 numbers.
(module
  (memory 1)
  (func $fill (param $x i32)
    (local $at i32)
    (loop $again
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store (local.get $at) (i32.shr_u (local.get $x) (i32.const 3)))
      (br_if $again
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 32768)))))
  ;; Both ends are addresses of elements.
  (func $sort (param $low i32) (param $high i32)
    (local $i i32) (local $j i32) (local $pivot i32) (local $kept i32)
    (if (i32.ge_s (local.get $low) (local.get $high)) (then (return)))
    (local.set $pivot
      (i32.load
        (i32.and
          (i32.shr_u (i32.add (local.get $low) (local.get $high)) (i32.const 1))
          (i32.const -4))))
    (local.set $i (local.get $low))
    (local.set $j (local.get $high))
    (block $done
      (loop $again
        (block $up
          (loop $rise
            (br_if $up (i32.ge_u (i32.load (local.get $i)) (local.get $pivot)))
            (local.set $i (i32.add (local.get $i) (i32.const 4)))
            (br $rise)))
        (block $down
          (loop $fall
            (br_if $down (i32.le_u (i32.load (local.get $j)) (local.get $pivot)))
            (local.set $j (i32.sub (local.get $j) (i32.const 4)))
            (br $fall)))
        (br_if $done (i32.gt_s (local.get $i) (local.get $j)))
        (local.set $kept (i32.load (local.get $i)))
        (i32.store (local.get $i) (i32.load (local.get $j)))
        (i32.store (local.get $j) (local.get $kept))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (local.set $j (i32.sub (local.get $j) (i32.const 4)))
        (br_if $again (i32.le_s (local.get $i) (local.get $j)))))
    (call $sort (local.get $low) (local.get $j))
    (call $sort (local.get $i) (local.get $high)))
  (func (export "run") (param $n i32) (result i32)
    (local $sum i32)
    (loop $rounds
      (call $fill (local.get $n))
      (call $sort (i32.const 0) (i32.const 32764))
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.sub (i32.load (i32.const 20000)) (i32.load (i32.const 4)))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
