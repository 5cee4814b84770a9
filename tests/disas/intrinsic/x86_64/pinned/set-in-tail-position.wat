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
;;      6: jne 0x14
;;      c: mov dword ptr [rdi - 0x10], esi
;;      f: mov rsp, rbp
;;     12: pop rbp
;;     13: ret
;;     14: mov dword ptr [rdi - 0x10], edx
;;     17: mov rsp, rbp
;;     1a: pop rbp
;;     1b: ret
