;; Value types that are not there yet are refused by name where a function uses them. Each goes
;; from here when it comes.

(assert_invalid
  (component
    (type $t' (record (field "a" u32)))
    (import "t" (type $t (eq $t')))
    (import "f" (func (param "v" $t))))
  "record")
(assert_invalid (component (import "f" (func (param "v" (tuple u32 u32))))) "tuple")
(assert_invalid (component (import "f" (func (param "v" (option u32))))) "option")
(assert_invalid (component (import "f" (func (param "v" (result u32))))) "result")
(assert_invalid (component (import "f" (func (param "v" (list u32))))) "list")
(assert_invalid
  (component
    (type $t' (variant (case "a" u32)))
    (import "t" (type $t (eq $t')))
    (import "f" (func (param "v" $t))))
  "variant")
