;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "ThreadSuspendThenResume"
;; A switch from thread to thread checks `may_leave`, records the exit and calls the host once: what
;; is to be done and its operands are in registers.

(component
  (core func (canon thread.suspend-then-resume)))
;; trampoline[0] Concurrency { builtin: Plain(ThreadSuspendThenResume), instance: cinstance0, signature: sig0 }:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: sub rsp, 0x10
;;      8: mov qword ptr [rsp], rbx
;;      c: mov qword ptr [rsp + 8], r12
;;     11: mov rdx, rsi
;;     14: mov eax, dword ptr [rdi + 0x40]
;;     17: test eax, 1
;;     1c: je 0x7e
;;     22: mov rcx, rbp
;;     25: mov rax, qword ptr [rdi]
;;     28: mov qword ptr [rax + 8], rcx
;;     2c: mov rcx, rbp
;;     2f: mov rcx, qword ptr [rcx + 8]
;;     33: mov qword ptr [rax + 0x10], rcx
;;     37: mov rbx, qword ptr [rdi + 8]
;;     3b: mov r12, rdi
;;     3e: mov rax, qword ptr [rbx + 0xf0]
;;     45: mov esi, 0xe
;;     4a: xor r8d, r8d
;;     4d: mov rcx, rdx
;;     50: mov rdx, r8
;;     53: call rax
;;     55: cmp rax, qword ptr [rip + 0x24]
;;     5c: je 0x74
;;     62: mov rbx, qword ptr [rsp]
;;     66: mov r12, qword ptr [rsp + 8]
;;     6b: add rsp, 0x10
;;     6f: mov rsp, rbp
;;     72: pop rbp
;;     73: ret
;;     74: mov rax, qword ptr [rbx]
;;     77: mov rdi, r12
;;     7a: call rax
;;     7c: ud2
;;     7e: ud2
;;     80: add byte ptr [rax], al
;;     82: add byte ptr [rax], al
;;     84: add byte ptr [rax], al
