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
;;     11: ja 0x3f
;;     17: xor rax, rax
;;     1a: mov rcx, qword ptr [rdi + 0x20]
;;     1e: mov edi, esi
;;     20: lea rcx, [rcx + rdi*8]
;;     24: cmp esi, 4
;;     27: cmovae rcx, rax
;;     2b: mov rax, qword ptr [rcx]
;;     2e: mov rcx, qword ptr [rax]
;;     31: mov rdi, qword ptr [rax + 8]
;;     35: mov rsi, rdx
;;     38: call rcx
;;     3a: mov rsp, rbp
;;     3d: pop rbp
;;     3e: ret
;;     3f: ud2
