;; References beyond the table of functions are off.
;; expect refused: reference types
(module (func (param externref)) (func (export "call")))
