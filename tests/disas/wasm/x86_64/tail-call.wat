;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"

;; A tail call is a jump, with the frame gone.

(module
  (func $f (param i32) (result i32)
    (return_call $g (i32.add (local.get 0) (i32.const 1))))
  (func $g (param i32) (result i32) (local.get 0)))

