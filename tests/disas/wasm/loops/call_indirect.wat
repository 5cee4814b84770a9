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
;;      a: add r10, 0x40
;;      e: cmp r10, rsp
;;     11: ja 0xab
;;     17: sub rsp, 0x30
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r13
;;     29: mov qword ptr [rsp + 0x18], r14
;;     2e: mov qword ptr [rsp + 0x20], r15
;;     33: mov r15, rdx
;;     36: mov rax, r8
;;     39: xor eax, eax
;;     3b: mov rdx, rax
;;     3e: mov r14, qword ptr [rdi + 0x20]
;;     42: mov ebx, esi
;;     44: mov r12d, dword ptr [rdi + 0x48]
;;     48: mov r13, rsi
;;     4b: cmp r13d, 8
;;     4f: jae 0xad
;;     55: mov rax, qword ptr [r14 + rbx*8]
;;     59: mov ecx, dword ptr [rax + 0x10]
;;     5c: cmp ecx, r12d
;;     5f: jne 0xaf
;;     65: mov rcx, qword ptr [rax]
;;     68: mov rdi, qword ptr [rax + 8]
;;     6c: mov rsi, rdx
;;     6f: call rcx
;;     71: mov rdx, r15
;;     74: sub edx, 1
;;     77: test edx, edx
;;     79: je 0x8a
;;     7f: mov r15, rdx
;;     82: mov rdx, rax
;;     85: jmp 0x4b
;;     8a: mov rbx, qword ptr [rsp]
;;     8e: mov r12, qword ptr [rsp + 8]
;;     93: mov r13, qword ptr [rsp + 0x10]
;;     98: mov r14, qword ptr [rsp + 0x18]
;;     9d: mov r15, qword ptr [rsp + 0x20]
;;     a2: add rsp, 0x30
;;     a6: mov rsp, rbp
;;     a9: pop rbp
;;     aa: ret
;;     ab: ud2
;;     ad: ud2
;;     af: ud2
