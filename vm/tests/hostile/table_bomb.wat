;; A table of ten million.
;; expect refused: the module has 10000000 table elements; at most 10000 are allowed
(module (table 10000000 funcref) (func (export "call")))
