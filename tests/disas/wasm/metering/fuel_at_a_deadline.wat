;;! target = "x86_64"
;;! lowering = "pinned"
;;! consume_fuel = true
;;! epoch_interruption = true
;;! function = "^f$"

;; At a deadline fuel is stored before the host is asked and loaded afterwards, out of the loop's way.
(module
  (func $f (export "f") (param $n i32)
    (loop $next
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0xc7
;;     17: mov rax, qword ptr [rdi]
;;     1a: mov rdx, qword ptr [rax + 0x20]
;;     1e: mov rcx, rdx
;;     21: sub rcx, 1
;;     25: test rcx, rcx
;;     28: jl 0x6f
;;     2e: mov r8, qword ptr [rax + 0x28]
;;     32: mov rdx, qword ptr [rax + 0x30]
;;     36: mov r9, qword ptr [rdx]
;;     39: cmp r9, r8
;;     3c: jae 0x85
;;     42: test rcx, rcx
;;     45: jl 0x9b
;;     4b: mov r9, qword ptr [rdx]
;;     4e: cmp r9, r8
;;     51: jae 0xb1
;;     57: sub esi, 1
;;     5a: sub rcx, 5
;;     5e: test esi, esi
;;     60: jne 0x42
;;     66: mov qword ptr [rax + 0x20], rcx
;;     6a: mov rsp, rbp
;;     6d: pop rbp
;;     6e: ret
;;     6f: sub rdx, 1
;;     73: mov qword ptr [rax + 0x20], rdx
;;     77: call <builtin out-of-fuel>
;;     7c: mov rcx, qword ptr [rax + 0x20]
;;     80: jmp 0x2e
;;     85: mov qword ptr [rax + 0x20], rcx
;;     89: call <builtin new-epoch>
;;     8e: mov rcx, qword ptr [rax + 0x20]
;;     92: mov r8, qword ptr [rax + 0x28]
;;     96: jmp 0x42
;;     9b: mov qword ptr [rax + 0x20], rcx
;;     9f: call <builtin out-of-fuel>
;;     a4: mov rcx, qword ptr [rax + 0x20]
;;     a8: mov r8, qword ptr [rax + 0x28]
;;     ac: jmp 0x4b
;;     b1: mov qword ptr [rax + 0x20], rcx
;;     b5: call <builtin new-epoch>
;;     ba: mov rcx, qword ptr [rax + 0x20]
;;     be: mov r8, qword ptr [rax + 0x28]
;;     c2: jmp 0x57
;;     c7: ud2
