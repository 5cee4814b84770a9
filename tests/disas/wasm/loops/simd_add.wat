;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Sixteen bytes at a time; vectors are loaded and stored without regard to alignment.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $q i32) (param $end i32)
    (loop $next
      (v128.store (local.get $p)
        (i32x4.add (v128.load (local.get $p)) (v128.load (local.get $q))))
      (local.set $q (i32.add (local.get $q) (i32.const 16)))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 16)))
          (local.get $end))))))

