;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."

;; An address of 32 bits and an offset within the guard can't leave the reservation: no check, the
;; offset is part of the load.

(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, rsi
;;      7: mov rsi, qword ptr [rdi + 0x20]
;;      b: mov rdi, r8
;;      e: mov edi, edi
;;     10: mov eax, dword ptr [rsi + rdi + 0x10]
;;     14: mov rsp, rbp
;;     17: pop rbp
;;     18: ret
