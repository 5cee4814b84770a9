;;! target = "x86_64"
;;! lowering = "pinned"
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
;;      4: mov r8, r15
;;      7: mov dword ptr [r8], esi
;;      a: mov r9, r15
;;      d: mov dword ptr [r9 + 8], 7
;;     15: mov r10, r15
;;     18: mov r10d, dword ptr [r10]
;;     1b: mov r11, r15
;;     1e: mov r11d, dword ptr [r11 + 8]
;;     22: lea eax, [r10 + r11]
;;     26: mov rsp, rbp
;;     29: pop rbp
;;     2a: ret
