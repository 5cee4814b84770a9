;; A component whose import nobody provides can't be instantiated; the error names the import.

(assert_unlinkable
  (component (import "absent" (func)))
  "absent")
(assert_unlinkable
  (component
    (import "test:pkg/missing@1.0.0" (instance (export "f" (func (result u32))))))
  "test:pkg/missing@1.0.0")
