;; The same through a br_table.
;; expect: out of gas
(module (func (export "call") (loop (br_table 0 0 0 (i32.const 1)))))
