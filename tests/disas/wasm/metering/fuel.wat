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
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x99
;;     17: mov rcx, qword ptr [rdi]
;;     1a: mov rax, qword ptr [rcx + 0x20]
;;     1e: mov r11, rax
;;     21: sub r11, 1
;;     25: test r11, r11
;;     28: jl 0x71
;;     2e: xor eax, eax
;;     30: mov r8, qword ptr [rdi + 0x20]
;;     34: test r11, r11
;;     37: jl 0x87
;;     3d: mov r9d, esi
;;     40: mov r10d, dword ptr [r8 + r9]
;;     44: add esi, 4
;;     4a: mov r9, r11
;;     4d: sub r9, 0xd
;;     51: add eax, r10d
;;     54: cmp esi, edx
;;     56: jae 0x64
;;     5c: mov r11, r9
;;     5f: jmp 0x34
;;     64: sub r11, 0xe
;;     68: mov qword ptr [rcx + 0x20], r11
;;     6c: mov rsp, rbp
;;     6f: pop rbp
;;     70: ret
;;     71: sub rax, 1
;;     75: mov qword ptr [rcx + 0x20], rax
;;     79: call <builtin out-of-fuel>
;;     7e: mov r11, qword ptr [rcx + 0x20]
;;     82: jmp 0x2e
;;     87: mov qword ptr [rcx + 0x20], r11
;;     8b: call <builtin out-of-fuel>
;;     90: mov r11, qword ptr [rcx + 0x20]
;;     94: jmp 0x3d
;;     99: ud2
