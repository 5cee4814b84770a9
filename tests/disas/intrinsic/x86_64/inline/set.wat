;;! target = "x86_64"
;;! lowering = "inline"
;;! function = "set-slot"
;; `context.set` alone: what a write of a slot costs.

(component
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "set" (func $set (param i32)))
    (func $set-slot (export "f") (param i32) (call $set (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "set" (func $set)))))))
;; M::set-slot:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, qword ptr [rdi + 0x18]
;;      8: mov dword ptr [rdi], esi
;;      a: mov rsp, rbp
;;      d: pop rbp
;;      e: ret
