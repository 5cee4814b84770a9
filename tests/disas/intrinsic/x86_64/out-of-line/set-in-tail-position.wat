;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "last"
;; A set as the last thing a function does needs no frame.

(component
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "set" (func $set (param i32)))
    (func $last (export "f") (param i32 i32)
      (if (local.get 1) (then (return (call $set (local.get 1)))))
      (call $set (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "set" (func $set)))))))
;; M::last:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x39
;;     17: test edx, edx
;;     19: mov r8, rdx
;;     1c: jne 0x2c
;;     22: call <intrinsic context.set i32 0>
;;     27: mov rsp, rbp
;;     2a: pop rbp
;;     2b: ret
;;     2c: mov rsi, r8
;;     2f: call <intrinsic context.set i32 0>
;;     34: mov rsp, rbp
;;     37: pop rbp
;;     38: ret
;;     39: ud2
