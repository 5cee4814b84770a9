;; Integer arithmetic: a pseudo-random sequence and a mixing hash of it, in registers.
(module
  (func (export "run") (param $n i32) (result i32)
    (local $x i32) (local $h i32)
    (local.set $x (i32.const 0x9E3779B9))
    (loop $again
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
      (local.set $h (i32.mul (i32.xor (local.get $h) (local.get $x)) (i32.const 0x85EBCA6B)))
      (local.set $h (i32.rotl (local.get $h) (i32.const 11)))
      (local.set $h (i32.add (local.get $h) (i32.div_u (local.get $x) (i32.const 10))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $h)))
