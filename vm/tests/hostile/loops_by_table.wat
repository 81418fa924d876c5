;; Two loops that a br_table sends to each other, with nothing else in them.
;; expect: out of gas
(module (func (export "call") (loop (loop (br_table 0 1 0 1 1 (i32.const 7))))))
