;;! target = "x86_64"
;;! lowering = "pinned"
;;! consume_fuel = true
;;! function = "^f$"

;; Around a call fuel is in the store's context, where the callee finds it.
(module
  (func $g (import "" "g"))
  (func $f (export "f")
    (call $g)
    (call $g)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x9e
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r13
;;     29: mov r12, qword ptr [rdi]
;;     2c: mov r9, qword ptr [r12 + 0x20]
;;     31: mov r8, r9
;;     34: sub r8, 1
;;     38: test r8, r8
;;     3b: jl 0x83
;;     41: mov rbx, rdi
;;     44: sub r8, 1
;;     48: mov qword ptr [r12 + 0x20], r8
;;     4d: mov r13, qword ptr [rbx + 0x20]
;;     51: mov rbx, qword ptr [rbx + 0x28]
;;     55: mov rdi, rbx
;;     58: call r13
;;     5b: sub qword ptr [r12 + 0x20], 1
;;     61: mov rdi, rbx
;;     64: call r13
;;     67: mov rax, qword ptr [r12 + 0x20]
;;     6c: mov rbx, qword ptr [rsp]
;;     70: mov r12, qword ptr [rsp + 8]
;;     75: mov r13, qword ptr [rsp + 0x10]
;;     7a: add rsp, 0x20
;;     7e: mov rsp, rbp
;;     81: pop rbp
;;     82: ret
;;     83: sub r9, 1
;;     87: mov qword ptr [r12 + 0x20], r9
;;     8c: mov rbx, rdi
;;     8f: call <builtin out-of-fuel>
;;     94: mov r8, qword ptr [r12 + 0x20]
;;     99: jmp 0x44
;;     9e: ud2
