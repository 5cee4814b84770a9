;; Proposals that are not there yet are refused with an error that says where.

(assert_invalid
  (module (type (struct (field i32))))
  "the gc proposal is not supported yet (at offset 0x")
