;; One instruction that moves the whole table, in a loop.
;; expect: out of gas
(module (table 10000 funcref)
  (func (export "call") (loop (table.copy (i32.const 0) (i32.const 1) (i32.const 9999)) (br 0))))
