;; Memory: primes below 64,000 by the sieve of Eratosthenes.
(module
  (memory 1)
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $j i32) (local $count i32)
    (loop $rounds
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 64000))
      (local.set $i (i32.const 2))
      (loop $numbers
        (if (i32.eqz (i32.load8_u (local.get $i)))
          (then
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (local.set $j (i32.mul (local.get $i) (local.get $i)))
            (block $done
              (br_if $done (i32.gt_u (local.get $i) (i32.const 253)))
              (loop $multiples
                (i32.store8 (local.get $j) (i32.const 1))
                (br_if $multiples
                  (i32.lt_u (local.tee $j (i32.add (local.get $j) (local.get $i))) (i32.const 64000)))))))
        (br_if $numbers
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64000))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $count)))
