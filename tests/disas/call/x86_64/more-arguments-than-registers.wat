;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; Arguments on the stack are written as 64 bits, as they are read: a processor can't pass on 32 bits
;; that it has not yet written to memory to a load of 64.

(module
  (func $callee (param i32 i32 i32 i32 i32 i32 i64) (result i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (i32.add (local.get 0) (local.get 5)))
  (func $caller (export "f") (param i32 i64) (result i32)
    (call $callee (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)
      (i32.add (local.get 0) (i32.const 1)) (local.get 1))))
