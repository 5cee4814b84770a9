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
;;      6: jne 0x17
;;      c: mov r8, qword ptr [rdi]
;;      f: mov dword ptr [r8], esi
;;     12: mov rsp, rbp
;;     15: pop rbp
;;     16: ret
;;     17: mov r11, qword ptr [rdi]
;;     1a: mov dword ptr [r11], edx
;;     1d: mov rsp, rbp
;;     20: pop rbp
;;     21: ret
