;; So are two of them.
;; expect refused: the module has 2 memories; at most 1 are allowed
(module (memory 1) (memory 1) (func (export "call")))
