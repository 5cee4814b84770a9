;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "load|store$"

;; Atomic loads and stores are sequentially consistent, and check that they are aligned before
;; anything else; the bounds are left to the guard pages, as for any access.
(module
  (memory 1 1 shared)
  (func $load (param i32) (result i32) (i32.atomic.load offset=8 (local.get 0)))
  (func $store (param i32 i64) (i64.atomic.store (local.get 0) (local.get 1))))

;; load:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 3
;;      a: jne 0x24
;;     10: mov r8, qword ptr [rdi + 0x20]
;;     14: mov r8, qword ptr [r8]
;;     17: mov r9d, esi
;;     1a: mov eax, dword ptr [r8 + r9 + 8]
;;     1f: mov rsp, rbp
;;     22: pop rbp
;;     23: ret
;;     24: ud2
;; store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 7
;;      a: jne 0x26
;;     10: mov r8, qword ptr [rdi + 0x20]
;;     14: mov r8, qword ptr [r8]
;;     17: mov r9d, esi
;;     1a: mov qword ptr [r8 + r9], rdx
;;     1e: mfence
;;     21: mov rsp, rbp
;;     24: pop rbp
;;     25: ret
;;     26: ud2
