;;! target = "x86_64"
;;! lowering = "inline"
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
;;      6: jne 0x18
;;      c: mov r8, qword ptr [rdi + 0x18]
;;     10: mov dword ptr [r8], esi
;;     13: mov rsp, rbp
;;     16: pop rbp
;;     17: ret
;;     18: mov r11, qword ptr [rdi + 0x18]
;;     1c: mov dword ptr [r11], edx
;;     1f: mov rsp, rbp
;;     22: pop rbp
;;     23: ret
