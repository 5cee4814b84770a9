;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."
;;! proposals = { wide-arithmetic = true }

;; A product of 128 bits is one multiplication; a sum is an addition and one with carry.

(module
  (func (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128
      (i64.mul_wide_u (local.get 0) (local.get 1))
      (local.get 2) (local.get 3))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, rcx
;;      7: mov rax, rdx
;;      a: mov rdx, rsi
;;      d: mulx rcx, rax, rax
;;     12: mov r10, r9
;;     15: add rax, r10
;;     18: adc rcx, r8
;;     1b: mov rsp, rbp
;;     1e: pop rbp
;;     1f: ret
