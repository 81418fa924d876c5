;; A hundred thousand targets.
;; expect refused: the module has 100001 targets of a br_table; at most 4096 are allowed
(module (func (export "call") (br_table {{100001:0 }} (i32.const 3))))
