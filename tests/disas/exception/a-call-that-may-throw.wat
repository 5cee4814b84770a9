;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "guarded|plain"

;; A `try_table` around a call adds no instruction to the way that is taken when nothing is thrown,
;; but for the registers that the prologue saves and the epilogue restores: there is no check and no
;; jump between the call and the return. The handler comes after the return.
(module
  (tag $t)
  (import "m" "f" (func $f (param i32) (result i32)))
  (func $plain (export "plain") (param i32) (result i32)
    (call $f (local.get 0)))
  (func $guarded (export "guarded") (param i32) (result i32)
    (block $h
      (return (try_table (result i32) (catch_all $h)
        (call $f (local.get 0)))))
    (i32.const -1)))
