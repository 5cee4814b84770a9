;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "fence"

;; A fence, and what it does to accesses around it: the second load is not the first.
(module
  (memory 1 1 shared)
  (func $fence (param i32) (result i32)
    (i32.load (local.get 0))
    (atomic.fence)
    (i32.load (local.get 0))
    i32.add))

;; fence:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, qword ptr [rdi + 0x20]
;;      8: mov r8, qword ptr [r8]
;;      b: mov r10d, esi
;;      e: mov r9d, dword ptr [r8 + r10]
;;     12: mfence
;;     15: mov r10d, dword ptr [r8 + r10]
;;     19: lea eax, [r9 + r10]
;;     1d: mov rsp, rbp
;;     20: pop rbp
;;     21: ret
