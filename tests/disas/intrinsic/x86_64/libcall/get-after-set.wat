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
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0x56
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov r12, rdi
;;     27: xor edi, edi
;;     29: mov r13, rdi
;;     2c: mov edx, esi
;;     2e: mov rsi, r13
;;     31: mov rdi, r12
;;     34: call <builtin context.set>
;;     39: mov rsi, r13
;;     3c: mov rdi, r12
;;     3f: call <builtin context.get>
;;     44: mov r12, qword ptr [rsp]
;;     48: mov r13, qword ptr [rsp + 8]
;;     4d: add rsp, 0x10
;;     51: mov rsp, rbp
;;     54: pop rbp
;;     55: ret
;;     56: ud2
