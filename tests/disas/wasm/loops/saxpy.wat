;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; y = a x + y in single precision; one index, two constant offsets.
(module
  (memory 1)
  (func $f (export "f") (param $a f32) (param $i i32) (param $end i32)
    (loop $next
      (f32.store offset=4096 (local.get $i)
        (f32.add
          (f32.mul (local.get $a) (f32.load offset=1024 (local.get $i)))
          (f32.load offset=4096 (local.get $i))))
      (br_if $next
        (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 4)))
          (local.get $end))))))

