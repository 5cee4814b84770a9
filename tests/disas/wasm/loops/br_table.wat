;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; An interpreter's dispatch: a comparison, a load from the table of distances and a jump.
(module
  (memory 1)
  (func $f (export "f") (param $pc i32) (param $acc i32) (result i32)
    (loop $next
      (block $halt
        (block $double
          (block $increment
            (local.get $pc)
            (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
            (br_table $increment $double $halt (i32.load8_u)))
          (local.set $acc (i32.add (local.get $acc) (i32.const 1)))
          (br $next))
        (local.set $acc (i32.shl (local.get $acc) (i32.const 1)))
        (br $next)))
    (local.get $acc)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, qword ptr [rdi + 0x20]
;;      8: mov ecx, esi
;;      a: movzx rdi, byte ptr [rax + rcx]
;;      f: mov ecx, 2
;;     14: mov edi, edi
;;     16: cmp edi, ecx
;;     18: cmovb ecx, edi
;;     1b: lea rdi, [rip + 9]
;;     22: movsxd rcx, dword ptr [rdi + rcx*4]
;;     26: add rdi, rcx
;;     29: jmp rdi
;;     2b: sbb dword ptr [rax], eax
;;     2d: add byte ptr [rax], al
;;     2f: or al, 0
;;     31: add byte ptr [rax], al
;;     33: sub al, byte ptr [rax]
;;     35: add byte ptr [rax], al
;;     37: add esi, 1
;;     3d: shl edx, 1
;;     3f: jmp 0x8
;;     44: add esi, 1
;;     4a: add edx, 1
;;     50: jmp 0x8
;;     55: mov rax, rdx
;;     58: mov rsp, rbp
;;     5b: pop rbp
;;     5c: ret
