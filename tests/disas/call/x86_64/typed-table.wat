;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "typed_table"
;; A call through a table of the callee's own type compares no types.

(module
  (type $t (func (param i32) (result i32)))
  (table 4 4 (ref null $t))
  (func $typed_table (export "f") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))
;; typed_table:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x3b
;;     17: cmp esi, 4
;;     1a: jae 0x3d
;;     20: mov r11, qword ptr [rdi + 0x20]
;;     24: mov eax, esi
;;     26: mov r11, qword ptr [r11 + rax*8]
;;     2a: mov rax, qword ptr [r11]
;;     2d: mov rdi, qword ptr [r11 + 8]
;;     31: mov rsi, rdx
;;     34: call rax
;;     36: mov rsp, rbp
;;     39: pop rbp
;;     3a: ret
;;     3b: ud2
;;     3d: ud2
