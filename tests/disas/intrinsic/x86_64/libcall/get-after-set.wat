;;! target = "x86_64"
;;! lowering = "libcall"
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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x20
;;      f: cmp r10, rsp
;;     12: ja 0x57
;;     18: sub rsp, 0x10
;;     1c: mov qword ptr [rsp], r12
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov r12, rdi
;;     28: xor edi, edi
;;     2a: mov r13, rdi
;;     2d: mov edx, esi
;;     2f: mov rsi, r13
;;     32: mov rdi, r12
;;     35: call <builtin context.set>
;;     3a: mov rsi, r13
;;     3d: mov rdi, r12
;;     40: call <builtin context.get>
;;     45: mov r12, qword ptr [rsp]
;;     49: mov r13, qword ptr [rsp + 8]
;;     4e: add rsp, 0x10
;;     52: mov rsp, rbp
;;     55: pop rbp
;;     56: ret
;;     57: ud2
