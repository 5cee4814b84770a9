;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Looks for a byte; two ways out of the loop.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (param $byte i32) (result i32)
    (block $found
      (loop $next
        (br_if $found (i32.eq (i32.load8_u (local.get $p)) (local.get $byte)))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (br_if $next (i32.ne (local.get $p) (local.get $end)))))
    (local.get $p)))

