;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Each memory has its base in a register.
(module
  (memory $a 1)
  (memory $b 1)
  (func $f (export "f") (param $p i32) (param $end i32)
    (loop $next
      (i32.store $b (local.get $p) (i32.load $a (local.get $p)))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 4)))
          (local.get $end))))))

