;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."

;; The index alone is compared with the length; where it is in bounds and the access isn't, the
;; guard faults.

(module
  (memory i64 1)
  (func (param i64) (result i32) (i32.load offset=16 (local.get 0))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, qword ptr [rdi + 0x28]
;;      8: xor r8, r8
;;      b: mov r10, rsi
;;      e: add r10, qword ptr [rdi + 0x20]
;;     12: cmp rsi, r9
;;     15: cmovae r10, r8
;;     19: mov eax, dword ptr [r10 + 0x10]
;;     1d: mov rsp, rbp
;;     20: pop rbp
;;     21: ret
