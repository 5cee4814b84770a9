;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "both"
;; The two slots are neighbours: writing one does not make the other be loaded again.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (func $both (export "f") (param i32) (result i32)
      (call $set0 (local.get 0))
      (call $set1 (i32.const 7))
      (i32.add (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0)) (export "get1" (func $get1)) (export "set1" (func $set1)))))))
;; M::both:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x30
;;      f: cmp r10, rsp
;;     12: ja 0x92
;;     18: sub rsp, 0x20
;;     1c: mov qword ptr [rsp], rbx
;;     20: mov qword ptr [rsp + 8], r12
;;     25: mov qword ptr [rsp + 0x10], r13
;;     2a: mov qword ptr [rsp + 0x18], r14
;;     2f: mov r13, rdi
;;     32: xor r10d, r10d
;;     35: mov r14, r10
;;     38: mov edx, esi
;;     3a: mov rsi, r14
;;     3d: call <builtin context.set>
;;     42: mov r12d, 1
;;     48: mov edx, 7
;;     4d: mov rsi, r12
;;     50: mov rdi, r13
;;     53: call <builtin context.set>
;;     58: mov rsi, r14
;;     5b: mov rdi, r13
;;     5e: call <builtin context.get>
;;     63: mov rbx, rax
;;     66: mov rsi, r12
;;     69: mov rdi, r13
;;     6c: call <builtin context.get>
;;     71: mov rcx, rbx
;;     74: add eax, ecx
;;     76: mov rbx, qword ptr [rsp]
;;     7a: mov r12, qword ptr [rsp + 8]
;;     7f: mov r13, qword ptr [rsp + 0x10]
;;     84: mov r14, qword ptr [rsp + 0x18]
;;     89: add rsp, 0x20
;;     8d: mov rsp, rbp
;;     90: pop rbp
;;     91: ret
;;     92: ud2
