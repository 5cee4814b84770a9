;; Integer arithmetic with a table in memory: the CRC-32 of 16 kB, a byte at a time.
(module
  (memory 1)
  (func $table
    (local $i i32) (local $bit i32) (local $c i32)
    (loop $entries
      (local.set $c (local.get $i))
      (local.set $bit (i32.const 8))
      (loop $bits
        (local.set $c
          (i32.xor
            (i32.shr_u (local.get $c) (i32.const 1))
            (i32.and
              (i32.sub (i32.const 0) (i32.and (local.get $c) (i32.const 1)))
              (i32.const 0xEDB88320))))
        (br_if $bits (local.tee $bit (i32.sub (local.get $bit) (i32.const 1)))))
      (i32.store (i32.shl (local.get $i) (i32.const 2)) (local.get $c))
      (br_if $entries
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256)))))
  (func $update (param $crc i32) (param $byte i32) (result i32)
    (i32.xor
      (i32.shr_u (local.get $crc) (i32.const 8))
      (i32.load
        (i32.shl
          (i32.and (i32.xor (local.get $crc) (local.get $byte)) (i32.const 255))
          (i32.const 2)))))
  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $crc i32)
    (call $table)
    (loop $rounds
      (local.set $at (i32.const 1024))
      (i32.store (i32.const 4096) (local.get $n))
      (loop $again
        (local.set $crc (call $update (local.get $crc) (i32.load8_u (local.get $at))))
        (br_if $again
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 17408))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $crc)))
