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
;;      4: mov r8, r15
;;      7: mov dword ptr [r8], esi
;;      a: mov r9, qword ptr [rdi + 0x20]
;;      e: mov r10d, edx
;;     11: mov dword ptr [r9 + r10], esi
;;     15: mov r10, r15
;;     18: mov eax, dword ptr [r10]
;;     1b: mov rsp, rbp
;;     1e: pop rbp
;;     1f: ret
