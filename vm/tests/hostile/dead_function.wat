;; A function whose only payment is for its end, called for ever through the table.
;; expect: out of gas
(module (type $t (func)) (table 1 funcref) (elem (i32.const 0) $f) (func $f)
  (func (export "call") (loop (call_indirect (type $t) (i32.const 0)) (br 0))))
