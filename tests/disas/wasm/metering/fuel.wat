;;! target = "x86_64"
;;! lowering = "pinned"
;;! consume_fuel = true
;;! function = "^f$"

;; Fuel is in a register: a loop subtracts and looks at the sign. It is loaded once and stored once,
;; and asking the host for more is out of the way.
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
;;     11: ja 0xfd
;;     17: sub rsp, 0x40
;;     1b: mov qword ptr [rsp + 0x10], rbx
;;     20: mov qword ptr [rsp + 0x18], r12
;;     25: mov qword ptr [rsp + 0x20], r13
;;     2a: mov qword ptr [rsp + 0x28], r14
;;     2f: mov qword ptr [rsp + 0x30], r15
;;     34: mov r14, rsi
;;     37: mov r15, rdx
;;     3a: mov rbx, qword ptr [rdi]
;;     3d: mov rax, qword ptr [rbx + 0x20]
;;     41: mov r11, rax
;;     44: sub r11, 1
;;     48: test r11, r11
;;     4b: jl 0xcc
;;     51: mov r12, rdi
;;     54: xor eax, eax
;;     56: mov qword ptr [rsp], rax
;;     5a: mov r13, qword ptr [r12 + 0x20]
;;     5f: test r11, r11
;;     62: jl 0xe5
;;     68: mov rsi, r14
;;     6b: mov eax, esi
;;     6d: mov edx, dword ptr [r13 + rax]
;;     72: add esi, 4
;;     78: mov rcx, r11
;;     7b: sub rcx, 0xd
;;     7f: mov rax, qword ptr [rsp]
;;     83: add eax, edx
;;     85: mov rdx, r15
;;     88: cmp esi, edx
;;     8a: jae 0xa2
;;     90: mov r11, rcx
;;     93: mov r14, rsi
;;     96: mov r15, rdx
;;     99: mov qword ptr [rsp], rax
;;     9d: jmp 0x5f
;;     a2: sub r11, 0xe
;;     a6: mov qword ptr [rbx + 0x20], r11
;;     aa: mov rbx, qword ptr [rsp + 0x10]
;;     af: mov r12, qword ptr [rsp + 0x18]
;;     b4: mov r13, qword ptr [rsp + 0x20]
;;     b9: mov r14, qword ptr [rsp + 0x28]
;;     be: mov r15, qword ptr [rsp + 0x30]
;;     c3: add rsp, 0x40
;;     c7: mov rsp, rbp
;;     ca: pop rbp
;;     cb: ret
;;     cc: sub rax, 1
;;     d0: mov qword ptr [rbx + 0x20], rax
;;     d4: mov r12, rdi
;;     d7: call <builtin out-of-fuel>
;;     dc: mov r11, qword ptr [rbx + 0x20]
;;     e0: jmp 0x54
;;     e5: mov qword ptr [rbx + 0x20], r11
;;     e9: mov rdi, r12
;;     ec: call <builtin out-of-fuel>
;;     f1: mov r11, qword ptr [rbx + 0x20]
;;     f5: mov rsi, r14
;;     f8: jmp 0x6b
;;     fd: ud2
