;;! target = "x86_64"
;;! lowering = "pinned"
;;! consume_fuel = true
;;! function = "^f$"

;; A fill out of bounds is charged nothing: the amount is 0 by a conditional move.
(module
  (memory 1)
  (func $f (export "f") (param $to i32) (param $length i32)
    (memory.fill (local.get $to) (i32.const 0) (local.get $length))))
;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0xcc
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov rbx, qword ptr [rdi]
;;     27: mov rax, qword ptr [rbx + 0x20]
;;     2b: mov r12, rax
;;     2e: sub r12, 1
;;     32: test r12, r12
;;     35: jl 0xa4
;;     3b: mov rax, qword ptr [rdi + 0x28]
;;     3f: sub r12, 4
;;     43: mov ecx, edx
;;     45: cmp rcx, rax
;;     48: seta dl
;;     4b: mov esi, esi
;;     4d: sub rax, rcx
;;     50: cmp rsi, rax
;;     53: seta al
;;     56: or edx, eax
;;     58: mov rax, rcx
;;     5b: shr rax, 3
;;     5f: test dl, dl
;;     61: cmovne rax, qword ptr [rip + 0x67]
;;     69: sub r12, rax
;;     6c: test r12, r12
;;     6f: jl 0xba
;;     75: lea rax, [rsi + rcx]
;;     79: cmp rax, qword ptr [rdi + 0x28]
;;     7d: ja 0xce
;;     83: add rsi, qword ptr [rdi + 0x20]
;;     87: xor edx, edx
;;     89: call <builtin memory-set>
;;     8e: mov qword ptr [rbx + 0x20], r12
;;     92: mov rbx, qword ptr [rsp]
;;     96: mov r12, qword ptr [rsp + 8]
;;     9b: add rsp, 0x10
;;     9f: mov rsp, rbp
;;     a2: pop rbp
;;     a3: ret
;;     a4: sub rax, 1
;;     a8: mov qword ptr [rbx + 0x20], rax
;;     ac: call <builtin out-of-fuel>
;;     b1: mov r12, qword ptr [rbx + 0x20]
;;     b5: jmp 0x3b
;;     ba: mov qword ptr [rbx + 0x20], r12
;;     be: call <builtin out-of-fuel>
;;     c3: mov r12, qword ptr [rbx + 0x20]
;;     c7: jmp 0x75
;;     cc: ud2
;;     ce: ud2
;;     d0: add byte ptr [rax], al
;;     d2: add byte ptr [rax], al
;;     d4: add byte ptr [rax], al
;;     d6: add byte ptr [rax], al
