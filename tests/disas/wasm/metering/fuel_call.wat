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
;;     11: ja 0x96
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r13
;;     29: mov r12, qword ptr [rdi]
;;     2c: mov r9, qword ptr [r12 + 0x20]
;;     31: mov r8, r9
;;     34: sub r8, 1
;;     38: test r8, r8
;;     3b: jl 0x7e
;;     41: sub r8, 1
;;     45: mov qword ptr [r12 + 0x20], r8
;;     4a: mov rbx, qword ptr [rdi + 0x20]
;;     4e: mov r13, qword ptr [rdi + 0x28]
;;     52: mov rdi, r13
;;     55: call rbx
;;     57: sub qword ptr [r12 + 0x20], 1
;;     5d: mov rdi, r13
;;     60: call rbx
;;     62: mov rax, qword ptr [r12 + 0x20]
;;     67: mov rbx, qword ptr [rsp]
;;     6b: mov r12, qword ptr [rsp + 8]
;;     70: mov r13, qword ptr [rsp + 0x10]
;;     75: add rsp, 0x20
;;     79: mov rsp, rbp
;;     7c: pop rbp
;;     7d: ret
;;     7e: sub r9, 1
;;     82: mov qword ptr [r12 + 0x20], r9
;;     87: call <builtin out-of-fuel>
;;     8c: mov r8, qword ptr [r12 + 0x20]
;;     91: jmp 0x41
;;     96: ud2
