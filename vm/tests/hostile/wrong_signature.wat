;; A call through the table by another signature.
;; expect: trapped: indirect call by another signature
(module (type $other (func (param i32))) (table 1 funcref) (elem (i32.const 0) $f)
  (func $f) (func (export "call") (call_indirect (type $other) (i32.const 1) (i32.const 0))))
