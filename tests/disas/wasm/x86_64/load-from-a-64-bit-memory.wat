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
;;      4: cmp rsi, qword ptr [rdi + 0x28]
;;      8: jae 0x1b
;;      e: mov rdi, qword ptr [rdi + 0x20]
;;     12: mov eax, dword ptr [rdi + rsi + 0x10]
;;     16: mov rsp, rbp
;;     19: pop rbp
;;     1a: ret
;;     1b: ud2
