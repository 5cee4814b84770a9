;;! target = "x86_64"
;;! lowering = "pinned"
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
;;      4: test edx, edx
;;      6: jne 0x16
;;      c: mov rdi, r15
;;      f: mov dword ptr [rdi], esi
;;     11: mov rsp, rbp
;;     14: pop rbp
;;     15: ret
;;     16: mov r10, r15
;;     19: mov dword ptr [r10], edx
;;     1c: mov rsp, rbp
;;     1f: pop rbp
;;     20: ret
