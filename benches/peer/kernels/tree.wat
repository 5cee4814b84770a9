;; Memory, pointers: a binary search tree of 2,000 keys is built, asked and summed up by recursion.
;; A node is key, left and right.
(module
  (memory 1)
  (global $free (mut i32) (i32.const 16))
  (func $node (param $key i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (local.get $at) (i32.const 12)))
    (i32.store (local.get $at) (local.get $key))
    (i32.store offset=4 (local.get $at) (i32.const 0))
    (i32.store offset=8 (local.get $at) (i32.const 0))
    (local.get $at))
  (func $insert (param $root i32) (param $key i32)
    (local $link i32)
    (loop $down
      (local.set $link
        (i32.add (local.get $root)
          (select (i32.const 4) (i32.const 8) (i32.lt_u (local.get $key) (i32.load (local.get $root))))))
      (local.set $root (i32.load (local.get $link)))
      (br_if $down (local.get $root)))
    (i32.store (local.get $link) (call $node (local.get $key))))
  (func $depth (param $root i32) (param $key i32) (result i32)
    (local $depth i32)
    (block $done
      (loop $down
        (br_if $done (i32.eqz (local.get $root)))
        (br_if $done (i32.eq (i32.load (local.get $root)) (local.get $key)))
        (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
        (if (i32.lt_u (local.get $key) (i32.load (local.get $root)))
          (then (local.set $root (i32.load offset=4 (local.get $root))))
          (else (local.set $root (i32.load offset=8 (local.get $root)))))
        (br $down)))
    (local.get $depth))
  (func $sum (param $root i32) (result i32)
    (if (i32.eqz (local.get $root)) (then (return (i32.const 0))))
    (i32.add
      (i32.load (local.get $root))
      (i32.add
        (call $sum (i32.load offset=4 (local.get $root)))
        (call $sum (i32.load offset=8 (local.get $root))))))
  (func (export "run") (param $n i32) (result i32)
    (local $root i32) (local $i i32) (local $result i32) (local $x i32)
    (loop $rounds
      (global.set $free (i32.const 16))
      (local.set $root (call $node (i32.const 0x40000000)))
      (local.set $x (i32.const 7))
      (local.set $i (i32.const 2000))
      (loop $build
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (call $insert (local.get $root) (i32.shr_u (local.get $x) (i32.const 1)))
        (br_if $build (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.set $x (i32.const 7))
      (local.set $i (i32.const 2000))
      (loop $ask
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $result
          (i32.add (local.get $result)
            (call $depth (local.get $root) (i32.shr_u (local.get $x) (i32.const 1)))))
        (br_if $ask (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.set $result (i32.add (local.get $result) (call $sum (local.get $root))))
      (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $result)))
