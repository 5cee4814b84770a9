;;! target = "x86_64"
;;! lowering = "pinned"
;;! epoch_interruption = true
;;! function = "^f$"

;; A loop loads the engine's epoch and compares it with the deadline, which is in a register.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (result i32)
    (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $p))))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $p) (local.get $end))))
    (local.get $sum)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x50
;;      e: cmp r10, rsp
;;     11: ja 0xe8
;;     17: sub rsp, 0x40
;;     1b: mov qword ptr [rsp + 0x10], rbx
;;     20: mov qword ptr [rsp + 0x18], r12
;;     25: mov qword ptr [rsp + 0x20], r13
;;     2a: mov qword ptr [rsp + 0x28], r14
;;     2f: mov qword ptr [rsp + 0x30], r15
;;     34: mov r15, rsi
;;     37: mov qword ptr [rsp], rdx
;;     3b: mov rbx, qword ptr [rdi]
;;     3e: mov r9, qword ptr [rbx + 0x28]
;;     42: mov r12, qword ptr [rbx + 0x30]
;;     46: mov rax, qword ptr [r12]
;;     4a: cmp rax, r9
;;     4d: jae 0xc3
;;     53: mov r13, rdi
;;     56: xor eax, eax
;;     58: mov qword ptr [rsp + 8], rax
;;     5d: mov r14, qword ptr [r13 + 0x20]
;;     61: mov rax, qword ptr [r12]
;;     65: cmp rax, r9
;;     68: jae 0xd4
;;     6e: mov rsi, r15
;;     71: mov eax, esi
;;     73: mov ecx, dword ptr [r14 + rax]
;;     77: add esi, 4
;;     7d: mov rax, qword ptr [rsp + 8]
;;     82: add eax, ecx
;;     84: mov rdx, qword ptr [rsp]
;;     88: cmp esi, edx
;;     8a: jae 0xa1
;;     90: mov r15, rsi
;;     93: mov qword ptr [rsp], rdx
;;     97: mov qword ptr [rsp + 8], rax
;;     9c: jmp 0x61
;;     a1: mov rbx, qword ptr [rsp + 0x10]
;;     a6: mov r12, qword ptr [rsp + 0x18]
;;     ab: mov r13, qword ptr [rsp + 0x20]
;;     b0: mov r14, qword ptr [rsp + 0x28]
;;     b5: mov r15, qword ptr [rsp + 0x30]
;;     ba: add rsp, 0x40
;;     be: mov rsp, rbp
;;     c1: pop rbp
;;     c2: ret
;;     c3: mov r13, rdi
;;     c6: call <builtin new-epoch>
;;     cb: mov r9, qword ptr [rbx + 0x28]
;;     cf: jmp 0x56
;;     d4: mov rdi, r13
;;     d7: call <builtin new-epoch>
;;     dc: mov r9, qword ptr [rbx + 0x28]
;;     e0: mov rsi, r15
;;     e3: jmp 0x71
;;     e8: ud2
