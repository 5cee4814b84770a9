;; Indirect calls: a table of operations, as virtual methods are called, on a table that toolchains
;; make: its size is fixed, and only an element segment fills it.
(module
  (type $operation (func (param i32 i32) (result i32)))
  (type $other (func (result i32)))
  (table 9 9 funcref)
  (elem (i32.const 1) $add $sub $xor $rotl $shr $min $mul)
  (elem (i32.const 8) $seven)
  (func $add (type $operation) (i32.add (local.get 0) (local.get 1)))
  (func $sub (type $operation) (i32.sub (local.get 0) (local.get 1)))
  (func $xor (type $operation) (i32.xor (local.get 0) (local.get 1)))
  (func $rotl (type $operation) (i32.rotl (local.get 0) (local.get 1)))
  (func $shr (type $operation) (i32.shr_u (local.get 0) (i32.const 1)))
  (func $min (type $operation)
    (select (local.get 0) (local.get 1) (i32.lt_u (local.get 0) (local.get 1))))
  (func $mul (type $operation) (i32.mul (local.get 0) (i32.or (local.get 1) (i32.const 1))))
  (func $seven (type $other) (i32.const 7))
  (func (export "run") (param $n i32) (result i32)
    (local $x i32)
    (local.set $x (call_indirect (type $other) (i32.const 8)))
    (loop $again
      (local.set $x
        (call_indirect (type $operation)
          (local.get $x) (local.get $n)
          (i32.add (i32.rem_u (local.get $n) (i32.const 7)) (i32.const 1))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))
