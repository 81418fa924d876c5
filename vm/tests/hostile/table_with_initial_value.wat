;; A table that fills itself.
;; expect refused: needs reference types
(module (table 1 funcref (ref.null func)) (func (export "call")))
