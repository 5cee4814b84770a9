;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Minimum and maximum by `select`: conditional moves, no branches.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (result i32 i32)
    (local $min i32) (local $max i32) (local $x i32)
    (loop $next
      (local.set $x (i32.load (local.get $p)))
      (local.set $min
        (select (local.get $x) (local.get $min) (i32.lt_s (local.get $x) (local.get $min))))
      (local.set $max
        (select (local.get $x) (local.get $max) (i32.gt_s (local.get $x) (local.get $max))))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 4)))
          (local.get $end))))
    (local.get $min) (local.get $max)))

