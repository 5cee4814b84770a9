;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "frames"
;; A frame taken and given back each turn of a loop: the address of the slots is loaded once.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $frames (export "f") (param $n i32)
      (local $frame i32)
      (loop $again
        (call $set (local.tee $frame (i32.sub (call $get) (i32.const 16))))
        (i32.store (local.get $frame) (local.get $n))
        (call $set (i32.add (local.get $frame) (i32.const 16)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::frames:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, qword ptr [rdi + 0x20]
;;      8: mov r9d, dword ptr [rdi - 0x10]
;;      c: mov r10, r9
;;      f: sub r10d, 0x10
;;     13: mov dword ptr [rdi - 0x10], r10d
;;     17: mov dword ptr [r8 + r10], esi
;;     1b: mov dword ptr [rdi - 0x10], r9d
;;     1f: sub esi, 1
;;     22: test esi, esi
;;     24: jne 0x8
;;     2a: mov rsp, rbp
;;     2d: pop rbp
;;     2e: ret
