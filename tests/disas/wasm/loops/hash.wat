;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; FNV-1a: a load, an exclusive or and a multiplication.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (result i64)
    (local $hash i64)
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (loop $next
      (local.set $hash
        (i64.mul
          (i64.xor (local.get $hash) (i64.load8_u (local.get $p)))
          (i64.const 0x100000001b3)))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 1)))
          (local.get $end))))
    (local.get $hash)))

