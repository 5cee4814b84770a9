;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "adapter f$"
;; An adapter for a record with a small field does nothing but mask the field and call: no context
;; slots are put aside, as neither component can see any, and nothing is checked.

(component
  (component $Callee
    (core module $M (func (export "f") (param i32 i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable))
      (i32.add (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M))
    (type $R' (record (field "a" u32) (field "b" u8)))
    (export $R "r" (type $R'))
    (func (export "f") (param "r" $R) (result u32) (canon lift (core func $m "f"))))
  (component $Caller
    (type $R' (record (field "a" u32) (field "b" u8)))
    (import "r" (type $R (eq $R')))
    (import "f" (func $f (param "r" $R) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $f (local.get 0) (i32.const 2))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller
    (with "r" (type $callee "r")) (with "f" (func $callee "f")))))
;; adapter f::adapter f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x2b
;;     17: mov rdi, qword ptr [rdi + 0x28]
;;     1b: and edx, 0xff
;;     21: call <M::f>
;;     26: mov rsp, rbp
;;     29: pop rbp
;;     2a: ret
;;     2b: ud2
