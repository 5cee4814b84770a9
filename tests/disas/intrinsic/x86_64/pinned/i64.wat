;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "add"
;; A slot as i64 is read and written in one access as well.

(component
  (canon context.get i64 0 (core func $get))
  (canon context.set i64 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i64)))
    (import "" "set" (func $set (param i64)))
    (func $add (export "f") (param i64)
      (call $set (i64.add (call $get) (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: add qword ptr [rdi - 0x10], rsi
;;      8: mov rsp, rbp
;;      b: pop rbp
;;      c: ret
