;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "add|xchg"

;; A read-modify-write is one atomic instruction where the processor has one.
(module
  (memory 1 1 shared)
  (func $add (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func $xchg (param i32 i32) (result i32) (i32.atomic.rmw16.xchg_u (local.get 0) (local.get 1))))

;; add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 3
;;      a: jne 0x28
;;     10: mov r9, qword ptr [rdi + 0x20]
;;     14: mov r9, qword ptr [r9]
;;     17: mov r10d, esi
;;     1a: mov rax, rdx
;;     1d: lock xadd dword ptr [r9 + r10], eax
;;     23: mov rsp, rbp
;;     26: pop rbp
;;     27: ret
;;     28: ud2
;; xchg:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 1
;;      a: jne 0x27
;;     10: mov r10, qword ptr [rdi + 0x20]
;;     14: mov r10, qword ptr [r10]
;;     17: mov r11d, esi
;;     1a: xchg word ptr [r10 + r11], dx
;;     1f: movzx eax, dx
;;     22: mov rsp, rbp
;;     25: pop rbp
;;     26: ret
;;     27: ud2
