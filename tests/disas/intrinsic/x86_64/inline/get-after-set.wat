;;! target = "x86_64"
;;! lowering = "inline"
;;! function = "forward"
;; A get after a set is the value set, with no load.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func $forward (export "f") (param i32) (result i32)
      (call $set (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::forward:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, qword ptr [rdi + 0x18]
;;      8: mov dword ptr [rdi], esi
;;      a: mov rax, rsi
;;      d: mov rsp, rbp
;;     10: pop rbp
;;     11: ret
