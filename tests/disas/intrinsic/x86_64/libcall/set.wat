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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x10
;;      f: cmp r10, rsp
;;     12: ja 0x2a
;;     18: mov r8, rsi
;;     1b: xor esi, esi
;;     1d: mov edx, r8d
;;     20: call <builtin context.set>
;;     25: mov rsp, rbp
;;     28: pop rbp
;;     29: ret
;;     2a: ud2
