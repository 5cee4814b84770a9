;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "frames"
;; A frame taken and given back each turn of a loop: the address of the slots is loaded once.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $frames (export "f") (param $n i32)
      (local $frame i32)
      (loop $again
        (call $set (local.tee $frame (i32.sub (call $get) (i32.const 16))))
        (i32.store (local.get $frame) (local.get $n))
        (call $set (i32.add (local.get $frame) (i32.const 16)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::frames:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x50
;;      e: cmp r10, rsp
;;     11: ja 0xb7
;;     17: sub rsp, 0x40
;;     1b: mov qword ptr [rsp + 0x10], rbx
;;     20: mov qword ptr [rsp + 0x18], r12
;;     25: mov qword ptr [rsp + 0x20], r13
;;     2a: mov qword ptr [rsp + 0x28], r14
;;     2f: mov qword ptr [rsp + 0x30], r15
;;     34: mov r14, rsi
;;     37: mov r12, qword ptr [rdi + 0x20]
;;     3b: mov r15, rdi
;;     3e: xor esi, esi
;;     40: mov qword ptr [rsp + 8], rsi
;;     45: mov rdi, r15
;;     48: call <builtin context.get>
;;     4d: mov r13, rax
;;     50: sub r13d, 0x10
;;     54: mov qword ptr [rsp], rax
;;     58: mov rdx, r13
;;     5b: mov rsi, qword ptr [rsp + 8]
;;     60: mov rdi, r15
;;     63: call <builtin context.set>
;;     68: mov rbx, r14
;;     6b: mov dword ptr [r12 + r13], ebx
;;     6f: mov rax, qword ptr [rsp]
;;     73: mov edx, eax
;;     75: mov rsi, qword ptr [rsp + 8]
;;     7a: mov rdi, r15
;;     7d: call <builtin context.set>
;;     82: sub ebx, 1
;;     85: test ebx, ebx
;;     87: je 0x95
;;     8d: mov r14, rbx
;;     90: jmp 0x3e
;;     95: mov rbx, qword ptr [rsp + 0x10]
;;     9a: mov r12, qword ptr [rsp + 0x18]
;;     9f: mov r13, qword ptr [rsp + 0x20]
;;     a4: mov r14, qword ptr [rsp + 0x28]
;;     a9: mov r15, qword ptr [rsp + 0x30]
;;     ae: add rsp, 0x40
;;     b2: mov rsp, rbp
;;     b5: pop rbp
;;     b6: ret
;;     b7: ud2
