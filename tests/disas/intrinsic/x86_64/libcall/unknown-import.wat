;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "unknown"
;; A module instantiated twice with different slots for one import really calls what it is given.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.get i32 1 (core func $get1))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $unknown (export "f") (result i32) (call $get)))
  (core instance (instantiate $M (with "" (instance (export "get" (func $get0))))))
  (core instance (instantiate $M (with "" (instance (export "get" (func $get1)))))))
;; M::unknown:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x26
;;     17: mov rsi, qword ptr [rdi + 0x20]
;;     1b: mov rdi, qword ptr [rdi + 0x28]
;;     1f: call rsi
;;     21: mov rsp, rbp
;;     24: pop rbp
;;     25: ret
;;     26: ud2
