;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; A call of a small function is its code, and a function that calls nothing else has no comparison
;; with the stack limit.

(module
  (func $max (param i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (i32.gt_s (local.get 0) (local.get 1))))
  (func $caller (export "f") (param i32 i32 i32) (result i32)
    (call $max (call $max (local.get 0) (local.get 1)) (local.get 2))))
;; caller:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: cmp edx, esi
;;      6: cmovge esi, edx
;;      9: cmp ecx, esi
;;      b: mov rax, rsi
;;      e: cmovge eax, ecx
;;     11: mov rsp, rbp
;;     14: pop rbp
;;     15: ret
