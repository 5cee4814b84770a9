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
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x79
;;     17: mov r8, qword ptr [rdi]
;;     1a: mov r9, qword ptr [r8 + 0x28]
;;     1e: mov rcx, qword ptr [r8 + 0x30]
;;     22: mov rax, qword ptr [rcx]
;;     25: cmp rax, r9
;;     28: jae 0x5d
;;     2e: xor eax, eax
;;     30: mov r10, qword ptr [rdi + 0x20]
;;     34: mov r11, qword ptr [rcx]
;;     37: cmp r11, r9
;;     3a: jae 0x6b
;;     40: mov r11d, esi
;;     43: mov r11d, dword ptr [r10 + r11]
;;     47: add esi, 4
;;     4d: add eax, r11d
;;     50: cmp esi, edx
;;     52: jb 0x34
;;     58: mov rsp, rbp
;;     5b: pop rbp
;;     5c: ret
;;     5d: call <builtin new-epoch>
;;     62: mov r9, qword ptr [r8 + 0x28]
;;     66: jmp 0x2e
;;     6b: call <builtin new-epoch>
;;     70: mov r9, qword ptr [r8 + 0x28]
;;     74: jmp 0x40
;;     79: ud2
