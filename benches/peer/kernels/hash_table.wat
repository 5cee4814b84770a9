;; Memory: a hash table with linear probing, 4,096 places, filled and asked.
(module
  (memory 1)
  (func $hash (param $key i32) (result i32)
    (local.set $key
      (i32.mul (i32.xor (local.get $key) (i32.shr_u (local.get $key) (i32.const 16))) (i32.const 0x45D9F3B)))
    (i32.and (i32.xor (local.get $key) (i32.shr_u (local.get $key) (i32.const 13))) (i32.const 4095)))
  ;; The address of a key's place, or of the empty one where it would go.
  (func $find (param $key i32) (result i32)
    (local $place i32) (local $there i32)
    (local.set $place (call $hash (local.get $key)))
    (block $found
      (loop $again
        (local.set $there (i32.load (i32.shl (local.get $place) (i32.const 3))))
        (br_if $found (i32.eqz (local.get $there)))
        (br_if $found (i32.eq (local.get $there) (local.get $key)))
        (local.set $place (i32.and (i32.add (local.get $place) (i32.const 1)) (i32.const 4095)))
        (br $again)))
    (i32.shl (local.get $place) (i32.const 3)))
  (func $insert (param $key i32) (param $value i32)
    (local $at i32)
    (local.set $at (call $find (local.get $key)))
    (i32.store (local.get $at) (local.get $key))
    (i32.store offset=4 (local.get $at) (local.get $value)))
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $sum i32)
    (loop $rounds
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 32768))
      (local.set $i (i32.const 1))
      (loop $fill
        (call $insert (i32.mul (local.get $i) (i32.const 7919)) (local.get $i))
        (br_if $fill
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2500))))
      (local.set $i (i32.const 1))
      (loop $ask
        (local.set $sum
          (i32.add (local.get $sum)
            (i32.load offset=4 (call $find (i32.mul (local.get $i) (i32.const 7919))))))
        (br_if $ask
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
