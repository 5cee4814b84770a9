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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x50
;;      f: cmp r10, rsp
;;     12: ja 0xb8
;;     18: sub rsp, 0x40
;;     1c: mov qword ptr [rsp + 0x10], rbx
;;     21: mov qword ptr [rsp + 0x18], r12
;;     26: mov qword ptr [rsp + 0x20], r13
;;     2b: mov qword ptr [rsp + 0x28], r14
;;     30: mov qword ptr [rsp + 0x30], r15
;;     35: mov r14, rsi
;;     38: mov r12, qword ptr [rdi + 0x20]
;;     3c: mov r15, rdi
;;     3f: xor esi, esi
;;     41: mov qword ptr [rsp + 8], rsi
;;     46: mov rdi, r15
;;     49: call <builtin context.get>
;;     4e: mov r13, rax
;;     51: sub r13d, 0x10
;;     55: mov qword ptr [rsp], rax
;;     59: mov rdx, r13
;;     5c: mov rsi, qword ptr [rsp + 8]
;;     61: mov rdi, r15
;;     64: call <builtin context.set>
;;     69: mov rbx, r14
;;     6c: mov dword ptr [r12 + r13], ebx
;;     70: mov rax, qword ptr [rsp]
;;     74: mov edx, eax
;;     76: mov rsi, qword ptr [rsp + 8]
;;     7b: mov rdi, r15
;;     7e: call <builtin context.set>
;;     83: sub ebx, 1
;;     86: test ebx, ebx
;;     88: je 0x96
;;     8e: mov r14, rbx
;;     91: jmp 0x3f
;;     96: mov rbx, qword ptr [rsp + 0x10]
;;     9b: mov r12, qword ptr [rsp + 0x18]
;;     a0: mov r13, qword ptr [rsp + 0x20]
;;     a5: mov r14, qword ptr [rsp + 0x28]
;;     aa: mov r15, qword ptr [rsp + 0x30]
;;     af: add rsp, 0x40
;;     b3: mov rsp, rbp
;;     b6: pop rbp
;;     b7: ret
;;     b8: ud2
