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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x30
;;      f: cmp r10, rsp
;;     12: ja 0x63
;;     18: sub rsp, 0x20
;;     1c: mov qword ptr [rsp], r12
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov qword ptr [rsp + 0x10], r14
;;     2a: mov r12, rdi
;;     2d: mov r13, rsi
;;     30: xor esi, esi
;;     32: mov r14, rsi
;;     35: call <builtin context.get>
;;     3a: mov rsi, r13
;;     3d: lea rdx, [rax + rsi]
;;     41: mov rsi, r14
;;     44: mov rdi, r12
;;     47: call <builtin context.set>
;;     4c: mov r12, qword ptr [rsp]
;;     50: mov r13, qword ptr [rsp + 8]
;;     55: mov r14, qword ptr [rsp + 0x10]
;;     5a: add rsp, 0x20
;;     5e: mov rsp, rbp
;;     61: pop rbp
;;     62: ret
;;     63: ud2
