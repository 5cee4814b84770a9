;;! target = "x86_64"
;;! lowering = "libcall"
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
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x29
;;     17: mov r8, rsi
;;     1a: xor esi, esi
;;     1c: mov edx, r8d
;;     1f: call <builtin context.set>
;;     24: mov rsp, rbp
;;     27: pop rbp
;;     28: ret
;;     29: ud2
