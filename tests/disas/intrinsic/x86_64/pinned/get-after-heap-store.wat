;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "across-store"
;; A store to linear memory cannot change a slot, so a known value stays known.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $across-store (export "f") (param i32 i32) (result i32)
      (call $set (local.get 0))
      (i32.store (local.get 1) (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::across-store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov dword ptr [rdi - 0x10], esi
;;      7: mov rdi, qword ptr [rdi + 0x20]
;;      b: mov r8d, edx
;;      e: mov dword ptr [rdi + r8], esi
;;     12: mov rax, rsi
;;     15: mov rsp, rbp
;;     18: pop rbp
;;     19: ret
