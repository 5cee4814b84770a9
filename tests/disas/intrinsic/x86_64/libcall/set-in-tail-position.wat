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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x10
;;      f: cmp r10, rsp
;;     12: ja 0x3f
;;     18: mov rax, rsi
;;     1b: test edx, edx
;;     1d: jne 0x31
;;     23: xor esi, esi
;;     25: mov edx, eax
;;     27: call <builtin context.set>
;;     2c: mov rsp, rbp
;;     2f: pop rbp
;;     30: ret
;;     31: xor esi, esi
;;     33: mov edx, edx
;;     35: call <builtin context.set>
;;     3a: mov rsp, rbp
;;     3d: pop rbp
;;     3e: ret
;;     3f: ud2
