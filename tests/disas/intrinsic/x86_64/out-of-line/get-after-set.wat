;;! target = "x86_64"
;;! lowering = "out-of-line"
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
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0x3c
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov r12, rdi
;;     22: call <intrinsic context.set i32 0>
;;     27: mov rdi, r12
;;     2a: call <intrinsic context.get i32 0>
;;     2f: mov r12, qword ptr [rsp]
;;     33: add rsp, 0x10
;;     37: mov rsp, rbp
;;     3a: pop rbp
;;     3b: ret
;;     3c: ud2
