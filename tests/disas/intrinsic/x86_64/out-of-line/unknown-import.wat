;;! target = "x86_64"
;;! lowering = "out-of-line"
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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x10
;;      f: cmp r10, rsp
;;     12: ja 0x27
;;     18: mov rsi, qword ptr [rdi + 0x20]
;;     1c: mov rdi, qword ptr [rdi + 0x28]
;;     20: call rsi
;;     22: mov rsp, rbp
;;     25: pop rbp
;;     26: ret
;;     27: ud2
