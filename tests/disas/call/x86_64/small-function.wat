;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; A call of a small function is its code, and a function that calls nothing else has no comparison
;; with the stack limit.

(module
  (func $max (param i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (i32.gt_s (local.get 0) (local.get 1))))
  (func $caller (export "f") (param i32 i32 i32) (result i32)
    (call $max (call $max (local.get 0) (local.get 1)) (local.get 2))))
