;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Each increment goes to memory: a trap or another module may look at any time.
(module
  (global $count (export "count") (mut i64) (i64.const 0))
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32)
    (loop $next
      (if (i32.load (local.get $p))
        (then (global.set $count (i64.add (global.get $count) (i64.const 1)))))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 4)))
          (local.get $end))))))

