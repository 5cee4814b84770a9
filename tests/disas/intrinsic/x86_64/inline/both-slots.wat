;;! target = "x86_64"
;;! lowering = "inline"
;;! function = "both"
;; The two slots are neighbours: writing one does not make the other be loaded again.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (func $both (export "f") (param i32) (result i32)
      (call $set0 (local.get 0))
      (call $set1 (i32.const 7))
      (i32.add (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0)) (export "get1" (func $get1)) (export "set1" (func $set1)))))))
;; M::both:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, qword ptr [rdi + 0x18]
;;      8: mov dword ptr [rdi], esi
;;      a: mov dword ptr [rdi + 8], 7
;;     11: lea eax, [rsi + 7]
;;     14: mov rsp, rbp
;;     17: pop rbp
;;     18: ret
