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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x30
;;      f: cmp r10, rsp
;;     12: ja 0x80
;;     18: sub rsp, 0x20
;;     1c: mov qword ptr [rsp], rbx
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov qword ptr [rsp + 0x10], r14
;;     2a: mov qword ptr [rsp + 0x18], r15
;;     2f: mov rbx, rdx
;;     32: xor r9d, r9d
;;     35: mov r13, r9
;;     38: mov edx, esi
;;     3a: mov r14, rdi
;;     3d: mov r15, rsi
;;     40: mov rsi, r13
;;     43: call <builtin context.set>
;;     48: mov r10, qword ptr [r14 + 0x20]
;;     4c: mov rdx, rbx
;;     4f: mov r11d, edx
;;     52: mov rsi, r15
;;     55: mov dword ptr [r10 + r11], esi
;;     59: mov rsi, r13
;;     5c: mov rdi, r14
;;     5f: call <builtin context.get>
;;     64: mov rbx, qword ptr [rsp]
;;     68: mov r13, qword ptr [rsp + 8]
;;     6d: mov r14, qword ptr [rsp + 0x10]
;;     72: mov r15, qword ptr [rsp + 0x18]
;;     77: add rsp, 0x20
;;     7b: mov rsp, rbp
;;     7e: pop rbp
;;     7f: ret
;;     80: ud2
