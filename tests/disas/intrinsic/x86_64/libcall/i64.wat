;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "add"
;; A slot as i64 is read and written in one access as well.

(component
  (canon context.get i64 0 (core func $get))
  (canon context.set i64 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i64)))
    (import "" "set" (func $set (param i64)))
    (func $add (export "f") (param i64)
      (call $set (i64.add (call $get) (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x62
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov qword ptr [rsp + 0x10], r14
;;     29: mov r12, rdi
;;     2c: mov r13, rsi
;;     2f: xor esi, esi
;;     31: mov r14, rsi
;;     34: call <builtin context.get>
;;     39: mov rsi, r13
;;     3c: lea rdx, [rax + rsi]
;;     40: mov rsi, r14
;;     43: mov rdi, r12
;;     46: call <builtin context.set>
;;     4b: mov r12, qword ptr [rsp]
;;     4f: mov r13, qword ptr [rsp + 8]
;;     54: mov r14, qword ptr [rsp + 0x10]
;;     59: add rsp, 0x20
;;     5d: mov rsp, rbp
;;     60: pop rbp
;;     61: ret
;;     62: ud2
