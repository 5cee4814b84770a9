;; Memory: copies by hand, a byte and then a word at a time, and the bulk operators.
(module
  (memory 2)
  (func (export "run") (param $n i32) (result i32)
    (local $at i32)
    (memory.fill (i32.const 0) (i32.const 0x5A) (i32.const 16384))
    (loop $rounds
      (i32.store (i32.const 100) (local.get $n))
      (local.set $at (i32.const 0))
      (loop $bytes
        (i32.store8 offset=16384 (local.get $at) (i32.load8_u (local.get $at)))
        (br_if $bytes
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4096))))
      (local.set $at (i32.const 0))
      (loop $words
        (i64.store offset=32768 (local.get $at) (i64.load offset=16384 (local.get $at)))
        (br_if $words
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 16384))))
      (local.set $at (i32.const 0))
      (loop $bulk
        (memory.copy
          (i32.add (local.get $at) (i32.const 65536))
          (i32.add (local.get $at) (i32.const 32768))
          (i32.const 64))
        (br_if $bulk
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (i32.const 16384))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (i32.load (i32.const 65636)) (i32.load (i32.const 73728)))))
