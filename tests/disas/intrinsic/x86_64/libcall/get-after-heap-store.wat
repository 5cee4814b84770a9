;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "across-store"
;; A store to linear memory cannot change a slot, so a known value stays known.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $across-store (export "f") (param i32 i32) (result i32)
      (call $set (local.get 0))
      (i32.store (local.get 1) (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::across-store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x7f
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov qword ptr [rsp + 0x10], r14
;;     29: mov qword ptr [rsp + 0x18], r15
;;     2e: mov rbx, rdx
;;     31: xor r9d, r9d
;;     34: mov r13, r9
;;     37: mov edx, esi
;;     39: mov r14, rdi
;;     3c: mov r15, rsi
;;     3f: mov rsi, r13
;;     42: call <builtin context.set>
;;     47: mov r10, qword ptr [r14 + 0x20]
;;     4b: mov rdx, rbx
;;     4e: mov r11d, edx
;;     51: mov rsi, r15
;;     54: mov dword ptr [r10 + r11], esi
;;     58: mov rsi, r13
;;     5b: mov rdi, r14
;;     5e: call <builtin context.get>
;;     63: mov rbx, qword ptr [rsp]
;;     67: mov r13, qword ptr [rsp + 8]
;;     6c: mov r14, qword ptr [rsp + 0x10]
;;     71: mov r15, qword ptr [rsp + 0x18]
;;     76: add rsp, 0x20
;;     7a: mov rsp, rbp
;;     7d: pop rbp
;;     7e: ret
;;     7f: ud2
