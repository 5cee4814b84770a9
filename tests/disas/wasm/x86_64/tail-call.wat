;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "tail"

;; A tail call is a jump, with the frame gone.

(module
  (func $tail (param i32) (result i32)
    (return_call $g (i32.add (local.get 0) (i32.const 1))))
  (func $g (param i32) (result i32) (local.get 0)))

;; tail:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x26
;;     17: add esi, 1
;;     1d: mov rsp, rbp
;;     20: pop rbp
;;     21: jmp <g>
;;     26: ud2
