;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; The table can't grow, so its length is a constant and its base is loaded before the loop.
;; The check for null is the load of the type.
(module
  (type $t (func (param i32) (result i32)))
  (table 8 8 funcref)
  (func $f (export "f") (param $i i32) (param $n i32) (result i32)
    (local $x i32)
    (loop $next
      (local.set $x (call_indirect (type $t) (local.get $x) (local.get $i)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))

