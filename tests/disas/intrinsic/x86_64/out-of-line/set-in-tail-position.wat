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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x10
;;      f: cmp r10, rsp
;;     12: ja 0x3a
;;     18: test edx, edx
;;     1a: mov r8, rdx
;;     1d: jne 0x2d
;;     23: call <intrinsic context.set i32 0>
;;     28: mov rsp, rbp
;;     2b: pop rbp
;;     2c: ret
;;     2d: mov rsi, r8
;;     30: call <intrinsic context.set i32 0>
;;     35: mov rsp, rbp
;;     38: pop rbp
;;     39: ret
;;     3a: ud2
