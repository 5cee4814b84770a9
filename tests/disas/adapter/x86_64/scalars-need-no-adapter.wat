;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"
;; A call between components with scalars that are what they are on both sides costs what a call
;; from module to module does: there is no adapter. The callee may trap, and so isn't inlined.

(component
  (component $Callee
    (core module $M (func $add (export "f") (param i32 i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable))
      (i32.add (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u32) (param "b" u32) (result u32)
      (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" u32) (param "b" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (func $caller (export "run") (param i32) (result i32)
        (call $f (local.get 0) (i32.const 2))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))
;; M::caller:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x2a
;;     17: mov rdi, qword ptr [rdi + 0x28]
;;     1b: mov edx, 2
;;     20: call <M::add>
;;     25: mov rsp, rbp
;;     28: pop rbp
;;     29: ret
;;     2a: ud2
