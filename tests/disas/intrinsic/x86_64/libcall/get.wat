;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "get-slot"
;; `context.get` alone: what a read of a slot costs.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $get-slot (export "f") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::get-slot:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x23
;;     17: xor esi, esi
;;     19: call <builtin context.get>
;;     1e: mov rsp, rbp
;;     21: pop rbp
;;     22: ret
;;     23: ud2
