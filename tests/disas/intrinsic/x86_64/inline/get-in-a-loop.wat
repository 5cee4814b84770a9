;;! target = "x86_64"
;;! lowering = "inline"
;;! function = "sum$"
;; In a loop the slot is read each turn, as a global would be, but where it is is found once.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $sum (export "f") (param $n i32) (result i32)
      (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $get)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::sum:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: xor eax, eax
;;      6: mov r10, qword ptr [rdi + 0x18]
;;      a: mov r11d, dword ptr [r10]
;;      d: sub esi, 1
;;     10: add eax, r11d
;;     13: test esi, esi
;;     15: jne 0xa
;;     1b: mov rsp, rbp
;;     1e: pop rbp
;;     1f: ret
