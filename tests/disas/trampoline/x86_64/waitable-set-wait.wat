;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "WaitableSet"
;; A built-in that knows more than its instance is named by its place among the trampolines; its
;; operands are in an array, where the result is afterwards.

(component
  (core module $M (memory (export "m") 1))
  (core instance $m (instantiate $M))
  (core func (canon waitable-set.wait (memory (core memory $m "m")))))
;; trampoline[0] Concurrency { builtin: WaitableSet { op: Wait, memory: rmemory0, address: I32 }, instance: cinstance0, signature: sig0 }:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: sub rsp, 0x30
;;      8: mov qword ptr [rsp + 0x20], rbx
;;      d: mov qword ptr [rsp + 0x28], r12
;;     12: mov r8, rdx
;;     15: mov eax, dword ptr [rdi + 0x40]
;;     18: test eax, 1
;;     1d: je 0x80
;;     23: mov rcx, rbp
;;     26: mov rax, qword ptr [rdi]
;;     29: mov qword ptr [rax + 8], rcx
;;     2d: mov rcx, rbp
;;     30: mov rcx, qword ptr [rcx + 8]
;;     34: mov qword ptr [rax + 0x10], rcx
;;     38: lea rdx, [rsp]
;;     3c: mov dword ptr [rsp], esi
;;     3f: mov rax, r8
;;     42: mov dword ptr [rsp + 0x10], eax
;;     46: mov rbx, qword ptr [rdi + 8]
;;     4a: mov r12, rdi
;;     4d: mov rcx, qword ptr [rbx + 0xe8]
;;     54: xor esi, esi
;;     56: call rcx
;;     58: test al, al
;;     5a: je 0x76
;;     60: mov eax, dword ptr [rsp]
;;     63: mov rbx, qword ptr [rsp + 0x20]
;;     68: mov r12, qword ptr [rsp + 0x28]
;;     6d: add rsp, 0x30
;;     71: mov rsp, rbp
;;     74: pop rbp
;;     75: ret
;;     76: mov rax, qword ptr [rbx]
;;     79: mov rdi, r12
;;     7c: call rax
;;     7e: ud2
;;     80: ud2
