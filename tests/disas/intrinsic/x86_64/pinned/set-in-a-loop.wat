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
;;      4: mov r10, qword ptr [rdi + 0x20]
;;      8: mov r11, r15
;;      b: mov r11d, dword ptr [r11]
;;      e: mov rax, r15
;;     11: mov rcx, r11
;;     14: sub ecx, 0x10
;;     17: mov dword ptr [rax], ecx
;;     19: mov dword ptr [r10 + rcx], esi
;;     1d: mov rax, r15
;;     20: mov dword ptr [rax], r11d
;;     23: sub esi, 1
;;     26: test esi, esi
;;     28: jne 0x8
;;     2e: mov rsp, rbp
;;     31: pop rbp
;;     32: ret
