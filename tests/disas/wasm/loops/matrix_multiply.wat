;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; The inner loop of a product of matrices: a row times a column.
(module
  (memory 1)
  (func $f (export "f") (param $row i32) (param $column i32) (param $stride i32) (param $n i32)
    (result f64)
    (local $sum f64)
    (loop $next
      (local.set $sum
        (f64.add (local.get $sum)
          (f64.mul (f64.load (local.get $row)) (f64.load (local.get $column)))))
      (local.set $row (i32.add (local.get $row) (i32.const 8)))
      (local.set $column (i32.add (local.get $column) (local.get $stride)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))

