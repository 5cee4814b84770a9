;;! target = "x86_64"
;;! lowering = "out-of-line"
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
;;     11: ja 0x21
;;     17: call <intrinsic context.set i32 0>
;;     1c: mov rsp, rbp
;;     1f: pop rbp
;;     20: ret
;;     21: ud2
