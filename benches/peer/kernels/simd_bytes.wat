;; Vectors of bytes: counts the lines of a text of 32 kB and turns capitals into small letters,
;; sixteen at a time.
(module
  (memory 1)
  (func $start
    (local $at i32) (local $x i32)
    (local.set $x (i32.const 1))
    (loop $again
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1103515245)) (i32.const 12345)))
      (i32.store8 (local.get $at) (i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 127)))
      (br_if $again
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 32768)))))
  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $bytes v128) (local $capital v128) (local $count i32)
    (call $start)
    (loop $rounds
      (local.set $at (i32.const 0))
      (loop $again
        (local.set $bytes (v128.load (local.get $at)))
        (local.set $count
          (i32.add (local.get $count)
            (i32.popcnt
              (i8x16.bitmask (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 10)))))))
        (local.set $capital
          (v128.and
            (i8x16.gt_s (local.get $bytes) (i8x16.splat (i32.const 64)))
            (i8x16.lt_s (local.get $bytes) (i8x16.splat (i32.const 91)))))
        (v128.store (local.get $at)
          (v128.bitselect
            (v128.or (local.get $bytes) (i8x16.splat (i32.const 32)))
            (local.get $bytes)
            (local.get $capital)))
        (br_if $again
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (i32.const 32768))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (local.get $count) (i32.load (i32.const 4096)))))
