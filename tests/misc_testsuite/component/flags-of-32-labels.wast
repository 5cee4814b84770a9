;; Thirty-two flags fill an i32 up to its sign bit.

(component
  (core module $M
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (type $f' (flags
    "f0" "f1" "f2" "f3" "f4" "f5" "f6" "f7" "f8" "f9" "f10" "f11" "f12" "f13" "f14" "f15"
    "f16" "f17" "f18" "f19" "f20" "f21" "f22" "f23" "f24" "f25" "f26" "f27" "f28" "f29" "f30"
    "f31"))
  (export $f "f" (type $f'))
  (func (export "to-flags") (param "v" u32) (result $f) (canon lift (core func $m "id")))
  (func (export "from-flags") (param "v" $f) (result u32) (canon lift (core func $m "id"))))

(assert_return (invoke "to-flags" (u32.const 0x80000001)) (flags.const "f0" "f31"))
(assert_return (invoke "to-flags" (u32.const 0x00008000)) (flags.const "f15"))
(assert_return (invoke "from-flags" (flags.const "f31" "f8")) (u32.const 0x80000100))
