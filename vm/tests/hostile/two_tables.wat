;; Two tables need reference types.
;; expect refused: the module has 2 tables; at most 1 are allowed
(module (table 1 funcref) (table 1 funcref) (func (export "call")))
