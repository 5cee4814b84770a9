;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "guarded|plain"

;; A `try_table` around a call adds no instruction to the way that is taken when nothing is thrown,
;; but for the registers that the prologue saves and the epilogue restores: there is no check and no
;; jump between the call and the return. The handler comes after the return.
(module
  (tag $t)
  (import "m" "f" (func $f (param i32) (result i32)))
  (func $plain (export "plain") (param i32) (result i32)
    (call $f (local.get 0)))
  (func $guarded (export "guarded") (param i32) (result i32)
    (block $h
      (return (try_table (result i32) (catch_all $h)
        (call $f (local.get 0)))))
    (i32.const -1)))
;; plain:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x27
;;     17: mov r8, qword ptr [rdi + 0x20]
;;     1b: mov rdi, qword ptr [rdi + 0x28]
;;     1f: call r8
;;     22: mov rsp, rbp
;;     25: pop rbp
;;     26: ret
;;     27: ud2
;; guarded:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x40
;;      e: cmp r10, rsp
;;     11: ja 0x8a
;;     17: sub rsp, 0x30
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r13
;;     29: mov qword ptr [rsp + 0x18], r14
;;     2e: mov qword ptr [rsp + 0x20], r15
;;     33: mov r11, qword ptr [rdi + 0x20]
;;     37: mov rdi, qword ptr [rdi + 0x28]
;;     3b: call r11
;;     3e: mov rbx, qword ptr [rsp]
;;     42: mov r12, qword ptr [rsp + 8]
;;     47: mov r13, qword ptr [rsp + 0x10]
;;     4c: mov r14, qword ptr [rsp + 0x18]
;;     51: mov r15, qword ptr [rsp + 0x20]
;;     56: add rsp, 0x30
;;     5a: mov rsp, rbp
;;     5d: pop rbp
;;     5e: ret
;;     5f: mov eax, 0xffffffff
;;     64: mov rbx, qword ptr [rsp]
;;     68: mov r12, qword ptr [rsp + 8]
;;     6d: mov r13, qword ptr [rsp + 0x10]
;;     72: mov r14, qword ptr [rsp + 0x18]
;;     77: mov r15, qword ptr [rsp + 0x20]
;;     7c: add rsp, 0x30
;;     80: mov rsp, rbp
;;     83: pop rbp
;;     84: ret
;;     85: jmp 0x5f
;;     8a: ud2
