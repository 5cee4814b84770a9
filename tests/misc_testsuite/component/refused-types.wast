;; Value types that are not there yet are refused by name where a function uses them. Each goes
;; from here when it comes.

(assert_invalid (component (import "f" (func (param "v" (stream u32))))) "stream")
(assert_invalid (component (import "f" (func (param "v" (list (future u32)))))) "future")
(assert_invalid (component (import "f" (func (param "v" (tuple u8 error-context))))) "error-context")
