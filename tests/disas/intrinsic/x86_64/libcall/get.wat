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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x10
;;      f: cmp r10, rsp
;;     12: ja 0x24
;;     18: xor esi, esi
;;     1a: call <builtin context.get>
;;     1f: mov rsp, rbp
;;     22: pop rbp
;;     23: ret
;;     24: ud2
