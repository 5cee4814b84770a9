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
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x91
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r13
;;     29: mov qword ptr [rsp + 0x18], r14
;;     2e: mov r13, rdi
;;     31: xor r10d, r10d
;;     34: mov r14, r10
;;     37: mov edx, esi
;;     39: mov rsi, r14
;;     3c: call <builtin context.set>
;;     41: mov r12d, 1
;;     47: mov edx, 7
;;     4c: mov rsi, r12
;;     4f: mov rdi, r13
;;     52: call <builtin context.set>
;;     57: mov rsi, r14
;;     5a: mov rdi, r13
;;     5d: call <builtin context.get>
;;     62: mov rbx, rax
;;     65: mov rsi, r12
;;     68: mov rdi, r13
;;     6b: call <builtin context.get>
;;     70: mov rcx, rbx
;;     73: add eax, ecx
;;     75: mov rbx, qword ptr [rsp]
;;     79: mov r12, qword ptr [rsp + 8]
;;     7e: mov r13, qword ptr [rsp + 0x10]
;;     83: mov r14, qword ptr [rsp + 0x18]
;;     88: add rsp, 0x20
;;     8c: mov rsp, rbp
;;     8f: pop rbp
;;     90: ret
;;     91: ud2
