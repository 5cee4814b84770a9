;;! target = "x86_64"
;;! lowering = "libcall"
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
;;     11: ja 0x3e
;;     17: mov rax, rsi
;;     1a: test edx, edx
;;     1c: jne 0x30
;;     22: xor esi, esi
;;     24: mov edx, eax
;;     26: call <builtin context.set>
;;     2b: mov rsp, rbp
;;     2e: pop rbp
;;     2f: ret
;;     30: xor esi, esi
;;     32: mov edx, edx
;;     34: call <builtin context.set>
;;     39: mov rsp, rbp
;;     3c: pop rbp
;;     3d: ret
;;     3e: ud2
