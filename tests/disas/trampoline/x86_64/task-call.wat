;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "TaskCall"
;; A call that makes a task checks whether the caller may be left, which is the second component
;; instance, and calls the host once: parameters and results are in an array.

(component
  (component $Callee
    (core func (canon thread.yield))
    (core module $M (func (export "f") (param i32 i64 f64) (result f64) (local.get 2)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u32) (param "b" u64) (param "c" f64) (result f64)
      (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" u32) (param "b" u64) (param "c" f64) (result f64)))
    (core func (canon lower (func $f))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))
;; trampoline[1] TaskCall { adapter: taskadapter0, signature: sig0 }:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: sub rsp, 0x40
;;      8: mov qword ptr [rsp + 0x30], rbx
;;      d: mov qword ptr [rsp + 0x38], r12
;;     12: mov r8, rdx
;;     15: mov eax, dword ptr [rdi + 0x80]
;;     1b: test eax, 1
;;     20: je 0x8c
;;     26: mov rcx, rbp
;;     29: mov rax, qword ptr [rdi]
;;     2c: mov qword ptr [rax + 8], rcx
;;     30: mov rcx, rbp
;;     33: mov rcx, qword ptr [rcx + 8]
;;     37: mov qword ptr [rax + 0x10], rcx
;;     3b: lea rdx, [rsp]
;;     3f: mov dword ptr [rsp], esi
;;     42: mov rax, r8
;;     45: mov qword ptr [rsp + 0x10], rax
;;     4a: vmovsd qword ptr [rsp + 0x20], xmm0
;;     50: mov rbx, qword ptr [rdi + 8]
;;     54: mov r12, rdi
;;     57: mov rcx, qword ptr [rbx + 0xf8]
;;     5e: xor esi, esi
;;     60: call rcx
;;     62: test al, al
;;     64: je 0x82
;;     6a: vmovsd xmm0, qword ptr [rsp]
;;     6f: mov rbx, qword ptr [rsp + 0x30]
;;     74: mov r12, qword ptr [rsp + 0x38]
;;     79: add rsp, 0x40
;;     7d: mov rsp, rbp
;;     80: pop rbp
;;     81: ret
;;     82: mov rax, qword ptr [rbx]
;;     85: mov rdi, r12
;;     88: call rax
;;     8a: ud2
;;     8c: ud2
