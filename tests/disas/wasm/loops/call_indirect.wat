;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; The table can't grow, so its length is a constant and its base is loaded before the loop.
;; The check for null is the load of the type.
(module
  (type $t (func (param i32) (result i32)))
  (table 8 8 funcref)
  (func $f (export "f") (param $i i32) (param $n i32) (result i32)
    (local $x i32)
    (loop $next
      (local.set $x (call_indirect (type $t) (local.get $x) (local.get $i)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))

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
;;     29: mov r13, rdx
;;     2c: mov rax, r8
;;     2f: xor eax, eax
;;     31: mov r8, rax
;;     34: xor rcx, rcx
;;     37: mov rax, qword ptr [rdi + 0x20]
;;     3b: mov edx, esi
;;     3d: lea r12, [rax + rdx*8]
;;     41: cmp esi, 8
;;     44: cmovae r12, rcx
;;     48: mov ebx, dword ptr [rdi + 0x48]
;;     4b: mov rax, qword ptr [r12]
;;     4f: mov ecx, dword ptr [rax + 0x10]
;;     52: cmp ecx, ebx
;;     54: jne 0x98
;;     5a: mov rcx, qword ptr [rax]
;;     5d: mov rdi, qword ptr [rax + 8]
;;     61: mov rsi, r8
;;     64: call rcx
;;     66: mov rdx, r13
;;     69: sub edx, 1
;;     6c: test edx, edx
;;     6e: je 0x7f
;;     74: mov r8, rax
;;     77: mov r13, rdx
;;     7a: jmp 0x4b
;;     7f: mov rbx, qword ptr [rsp]
;;     83: mov r12, qword ptr [rsp + 8]
;;     88: mov r13, qword ptr [rsp + 0x10]
;;     8d: add rsp, 0x20
;;     91: mov rsp, rbp
;;     94: pop rbp
;;     95: ret
;;     96: ud2
;;     98: ud2
