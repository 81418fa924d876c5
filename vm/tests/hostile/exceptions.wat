;; Exceptions are off.
;; expect refused: exceptions
(module (tag) (func (export "call")))
