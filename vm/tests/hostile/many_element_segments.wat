;; Segments without end.
;; expect refused: the module has 1001 element segments; at most 1000 are allowed
(module (table 1 funcref) {{1001:(elem (i32.const 0) func) }} (func (export "call")))
