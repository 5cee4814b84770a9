;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "sum$"
;; In a loop the slot is read each turn, as a global would be, but where it is is found once.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $sum (export "f") (param $n i32) (result i32)
      (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $get)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::sum:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x76
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r14
;;     29: mov r12, rsi
;;     2c: mov r14, rdi
;;     2f: xor eax, eax
;;     31: mov rbx, rax
;;     34: xor esi, esi
;;     36: mov rdi, r14
;;     39: call <builtin context.get>
;;     3e: mov rsi, r12
;;     41: sub esi, 1
;;     44: mov rcx, rbx
;;     47: add ecx, eax
;;     49: mov rbx, rcx
;;     4c: test esi, esi
;;     4e: je 0x5c
;;     54: mov r12, rsi
;;     57: jmp 0x34
;;     5c: mov rax, rbx
;;     5f: mov rbx, qword ptr [rsp]
;;     63: mov r12, qword ptr [rsp + 8]
;;     68: mov r14, qword ptr [rsp + 0x10]
;;     6d: add rsp, 0x20
;;     71: mov rsp, rbp
;;     74: pop rbp
;;     75: ret
;;     76: ud2
