;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; A call of a small function of another component is its code, on that component's memory.

(component
  (component $Callee
    (core module $M
      (memory 1)
      (func (export "f") (param i32) (result i32) (i32.load offset=8 (local.get 0))))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u32) (result u32) (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32) (result i32)))
      (func $caller (export "run") (param i32) (result i32)
        (i32.add (call $f (local.get 0)) (call $f (i32.const 2)))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))
;; M::caller:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, qword ptr [rdi + 0x28]
;;      8: mov r9, qword ptr [r8 + 0x20]
;;      c: mov r8d, esi
;;      f: mov r8d, dword ptr [r9 + r8 + 8]
;;     14: mov r9d, dword ptr [r9 + 0xa]
;;     18: lea eax, [r8 + r9]
;;     1c: mov rsp, rbp
;;     1f: pop rbp
;;     20: ret
