;;! target = "x86_64"
;;! lowering = "out-of-line"
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
;;     11: ja 0x21
;;     17: call <intrinsic context.get i32 0>
;;     1c: mov rsp, rbp
;;     1f: pop rbp
;;     20: ret
;;     21: ud2
